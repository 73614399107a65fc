/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run: o and final_state for your own q, k, v and beta; on demand gradients.
 *
 * Inputs    a tensor file (io/tensors.h): q, k, v, beta, and if it has them g or alpha, p, initial_state, cu_seqlens.
 * Does      advances every head of every sequence with the given method, decay, keys, form and precision, block by
 *           block, so that memory does not grow with the file.
 * Writes    another tensor file with o, final_state and their provenance as attributes, complete or not at all.
 *           Results that are not finite are written like any other; the program then ends with status 4 and
 *           names the first of them. */
#include "laboratory.h"

#include "base/ranks.h"
#include "run/backend_file.h"
#include "run/backward_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *input, *output;
static bool gradients, bf16_products;
static size_t method, decay, keys, form, backend, precision, chunk;

static const char *backend_name(size_t i) { return i == 0 ? "auto" : efla_backend_name(i - 1); }

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "tensor file with q, k, v, beta", EFLA_NEEDED, &input, 0, 0, NULL},
    {"output", "FILE", NULL, NULL, "tensor file to write o and final_state to", EFLA_NEEDED_RESULT, &output, 0, 0,
     NULL},
    {"method", "NAME", "exact", NULL, "coefficient", EFLA_NAME, &method, 0, 0, efla_method_name},
    {"decay", "NAME", "file", NULL,
     "decay of the state; file: split if the file has g, retention if it has alpha, none if it has neither; with g per "
     "channel split is lie, and exact the flow of decay and erasure together",
     EFLA_NAME, &decay, 0, 0, efla_file_decay_name},
    {"keys", "NAME", "raw", NULL, "keys as they are, or scaled to norm one", EFLA_NAME, &keys, 0, 0,
     efla_key_treatment_name},
    {"form", "NAME", "recurrence", NULL, "order of the sums", EFLA_NAME, &form, 0, 0, efla_form_name},
    {"backend", "NAME", "auto", NULL,
     "what computes g per channel and the erase key; cuda, in a build that has it, computes all", EFLA_NAME, &backend,
     0, 0, backend_name},
    {"chunk", "N", "64", NULL, "tokens per chunk, for the form of that name", EFLA_COUNT, &chunk, 1, 1024, NULL},
    {"precision", "NAME", "f64", NULL,
     "format of the state; below f64 arithmetic is f32; of backend cuda with bf16 and fp16: of q, k, v, p and o, "
     "beside states in f32",
     EFLA_NAME, &precision, 0, 0, efla_format_name},
    {"bf16-products", NULL, NULL, NULL,
     "products of numbers rounded to bf16, on a processor with a unit for them, by --backend cpu in precision f32; "
     "where q, k and v are bf16 o is rounded to it as well",
     EFLA_FLAG, &bf16_products, 0, 0, NULL},
    {"gradients", NULL, NULL, NULL,
     "also the derivatives of a loss by the inputs, from the dataset do, that by o; the backend computes them, in "
     "f64 or f32, cuda in bf16 and fp16 too",
     EFLA_FLAG, &gradients, 0, 0, NULL},
    {.name = NULL},
};

/* Every line "# key: value" of a table's header becomes an attribute; `decay` names the one that was used. */
static efla_status write_provenance(efla_tensors *out, const efla_cli *cli, const char *used, efla_message *why) {
  char *text = NULL;
  size_t length;
  FILE *lines = efla_memory_stream(&text, &length);
  if (!lines) return efla_fail_memory(why);
  efla_table_header(lines, cli);
  efla_status status = efla_memory_stream_close(lines) ? EFLA_OK : efla_fail_memory(why);
  for (char *rest = text, *line; status == EFLA_OK && (line = strsep(&rest, "\n")) && *line;) {
    char *value = strchr(line, ':');
    *value++ = 0;
    const char *key = line + strlen("# ");
    status = efla_tensors_write_text(out, key, !strcmp(key, "decay") ? used : value + (*value == ' '), why);
  }
  free(text);
  return status;
}

/* Bytes of all that is written. */
static double output_bytes(const efla_forward_spec *forward, const efla_tensors *in) {
  efla_tensor all[2 + EFLA_FILE_INPUTS] = {EFLA_O, EFLA_FINAL_STATE};
  const size_t n = 2 + (gradients ? efla_backward_file_list(&forward->rule, in, all + 2) : 0);
  return efla_tensors_output_bytes(output, in, all, n, forward->format);
}

static efla_status differentiate(const efla_forward_spec *forward, efla_tensors *in, efla_tensors *out, size_t threads,
                                 efla_message *why) {
  efla_rule rule = forward->rule;
  rule.scale = in->scale;
  return efla_backward_file(&rule, backend_name(backend), forward->format, in, out, threads, why);
}

/* All of it, over ranks; out is rank 0's. */
static efla_status run_over_ranks(const efla_forward_spec *forward, efla_tensors *in, efla_tensors *out,
                                  const efla_cli *cli, efla_bad *bad, efla_message *why) {
  efla_backend_file job = {.ranks = cli->ranks,
                           .backend = backend_name(backend),
                           .rule = forward->rule,
                           .type = forward->format->digits > 24 ? EFLA_F64 : EFLA_F32,
                           .threads = cli->threads,
                           .gradients = gradients};
  job.rule.scale = in->scale;
  return efla_backend_file_run(&job, in, out, bad, why);
}

/* What is computed over ranks. */
static efla_status check_ranks(const efla_forward_spec *forward, efla_tensors *in, efla_message *why) {
  if (forward->form != &efla_forms[0])
    return efla_fail(why, EFLA_USAGE, "form %s: over ranks, expected form %s", forward->form->name, efla_forms[0].name);
  if (forward->format->digits < 24)
    return efla_fail(why, EFLA_USAGE, "precision %s: over ranks, expected f64 or f32", forward->format->name);
  if (forward->bf16_products) return efla_fail(why, EFLA_USAGE, "bf16-products: over ranks, expected one process");
  if (efla_file_decay_exact(in, forward->rule.decay))
    return efla_fail(why, EFLA_USAGE, "decay exact: over ranks, expected lie or strang");
  return EFLA_OK;
}

/* From an open input to a complete file of outputs, which is only to be renamed. */
static efla_status compute(const efla_forward_spec *forward, efla_tensors *in, const char *name, const efla_cli *cli,
                           efla_bad *bad, efla_message *why) {
  efla_tensors out;
  efla_message trouble;
  const bool alone = cli->ranks->size == 1;
  efla_status status = efla_tensors_create(&out, name, in, forward->format, why);
  const bool made = status == EFLA_OK;
  if (status == EFLA_OK) status = write_provenance(&out, cli, efla_file_decay_called(in, forward->rule.decay), why);
  if (status == EFLA_OK && gradients) status = efla_backward_file_declare(&forward->rule, in, &out, why);
  status = efla_ranks_agree(cli->ranks, status, why);
  if (status == EFLA_OK && !alone) status = run_over_ranks(forward, in, &out, cli, bad, why);
  if (status == EFLA_OK && alone)
    status = efla_forward_stream(forward, backend_name(backend), in, &out, cli->threads, bad, why);
  if (status == EFLA_OK && alone && gradients) status = differentiate(forward, in, &out, cli->threads, why);
  if (!made) return status;
  efla_status closed = efla_tensors_close(&out, &trouble);
  if (status == EFLA_OK && closed != EFLA_OK) status = closed, *why = trouble;
  return status;
}

/* Rank 0 makes the file; the others take part in what is written to it. */
static efla_status make_file(const efla_forward_spec *forward, efla_tensors *in, const efla_cli *cli, efla_bad *bad,
                             efla_message *why) {
  efla_output file = {0};
  efla_status status = EFLA_OK;
  if (cli->ranks->rank == 0) {
    status = efla_output_begin(&file, output, why);
    if (status == EFLA_OK && !file.part)
      status = efla_fail(why, EFLA_OUTPUT, "%s: is no regular file, expected one or a new name", output);
    if (status == EFLA_OK) status = efla_output_fits(&file, output_bytes(forward, in), why);
  }
  status = efla_ranks_agree(cli->ranks, status, why);
  if (status == EFLA_OK && cli->ranks->rank == 0) {
    status = compute(forward, in, efla_output_name(&file), cli, bad, why);
    if (status == EFLA_OK) status = efla_output_finish(&file, why);
  } else if (status == EFLA_OK) {
    status = efla_ranks_agree(cli->ranks, EFLA_OK, why); /* of what compute makes */
    if (status == EFLA_OK) status = run_over_ranks(forward, in, NULL, cli, NULL, why);
  }
  efla_output_abandon(&file);
  return status;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  (void)table;
  efla_tensors in = {0};
  efla_bad bad = {.token = SIZE_MAX};
  efla_forward_spec forward = {.rule = {.method = &efla_methods[method], .keys = &efla_key_treatments[keys]},
                               .form = &efla_forms[form],
                               .format = &efla_formats[precision],
                               .chunk = chunk,
                               .bf16_products = bf16_products};
  efla_status status = efla_ranks_agree(cli->ranks, efla_tensors_open(&in, input, why), why);
  forward.dk = in.dk, forward.dv = in.dv, forward.scale = in.scale;
  if (status == EFLA_OK && cli->ranks->size > 1) status = efla_file_slab_compare(cli->ranks, &in, why);
  if (status == EFLA_OK) status = efla_file_decay_by_option(&in, decay, &forward.rule.decay, why);
  if (status == EFLA_OK && cli->ranks->size > 1) status = check_ranks(&forward, &in, why);
  if (status == EFLA_OK && gradients)
    status = efla_backward_file_check(&forward.rule, backend_name(backend), &in, forward.format, why);
  if (status == EFLA_OK) status = make_file(&forward, &in, cli, &bad, why);
  efla_tensors_close(&in, NULL);
  if (status != EFLA_OK || bad.token == SIZE_MAX) return status;
  return efla_fail(
      why, EFLA_NOT_FINITE,
      "%s: %s is %g, expected a finite number: the first such result is of token %zu, sequence %zu, head %zu", output,
      bad.index, bad.value, bad.token, bad.sequence, bad.head);
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "run",
      .summary = "o and final_state of the delta rule for q, k, v and beta of your own.",
      .description =
          "The input is HDF5, .npz or safetensors with datasets q, k (B,T,H,dk), v (B,T,H,dv), beta (B,T,H), or "
          "without B, or without B and H; "
          "optional are g (B,T,H), at most 0, the logarithm of a decay, or (B,T,H,dk), one per channel of the key; "
          "or alpha (B,T,H), from 0 to 1, a retention; p (B,T,H,dk), an erase key, in place of k in what is erased; "
          "initial_state (B,H,dk,dv), "
          "and cu_seqlens (N+1), the boundaries of sequences that lie end to end in one batch entry, "
          "whose states are (N,H,dk,dv); an empty one ends in its initial state. "
          "Attributes of the root: scale, 1 if missing, so that o = scale S^T q; layout, BTHD or BHTD. "
          "Any float or integer type will do. "
          "Of g and alpha that of --decay is read: split decays the state by e^g before each step (Gated DeltaNet), "
          "joint at the rate -g within the step, beside the erasure, "
          "retention at the rate 1 - alpha, with the erasure times alpha (EFLA's gated variant), "
          "strang by e^(g/2) before and after each step. "
          "With g per channel there are split, also called lie (Kimi Delta Attention), strang, and exact, "
          "the flow itself, for --method exact and precision f64 (where -g is beyond 1e8 it gives nan). "
          "g per channel and p are computed by --backend, in precision f64 or f32; backend cuda computes in bf16 and "
          "fp16 too. "
          "The output, in the format of its name (.h5, .npz, .safetensors), has o and final_state in the input's "
          "layout, f64 for precision f64 and f32 for others, "
          "and attributes that say where they come from; its disk must have room for it. "
          "The input must stay as it is until the end. "
          "Started as several ranks (mpirun -n N run) every one reads and computes its share of the tokens, in "
          "memory and by "
          "the backend, in precision f64 or f32, and the first one writes the output. "
          "Exit status 4: a result is not finite.",
      .options = options,
      .run = run,
      .reports = true,
      .over_ranks = true};
  return efla_program_main(&program, argc, argv);
}

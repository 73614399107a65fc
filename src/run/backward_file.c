/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/backward_file.h"

#include "io/file_decay.h"
#include "run/device_call.h"
#include "run/file_inputs.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct pass {
  efla_tensors *in, *out;
  efla_type type;
  efla_file_inputs all;
  efla_sequence x; /* of one batch entry */
  efla_result dy;
  efla_gradient dx;
  double *wide; /* what is read or written: the largest array */
} pass;

static size_t entries(const pass *p, efla_tensor tensor) {
  const size_t states = efla_sequence_states(&p->x);
  return efla_tensor_is_state(tensor) ? states * p->x.heads * p->x.dk * p->x.dv
                                      : p->x.tokens * p->x.heads * efla_tensors_width(p->in, tensor);
}

/* An array of its own, head-major. */
static efla_array make(const pass *p, efla_tensor tensor) {
  const efla_type type = efla_file_is_scalar(tensor) ? efla_file_scalar_type(p->type) : p->type;
  void *data = calloc(entries(p, tensor), efla_type_size(type));
  return efla_tensor_is_state(tensor)
             ? efla_array_states(data, type, p->x.heads, p->x.dk, p->x.dv)
             : efla_array_head_major(data, type, p->x.tokens, p->x.heads, efla_tensors_width(p->in, tensor));
}

static efla_status read_array(pass *p, efla_tensor tensor, size_t entry, const efla_array *to, efla_message *why) {
  const efla_tensor_block all = {entry, 0, p->x.heads, 0, p->x.tokens};
  const size_t n = entries(p, tensor), states = efla_sequence_states(&p->x), one = n / states;
  efla_status status = EFLA_OK;
  if (efla_tensor_is_state(tensor))
    for (size_t s = 0; s < states && status == EFLA_OK; s++)
      status = efla_tensors_read_states(p->in, tensor, entry + s, 0, p->x.heads, p->wide + s * one, why);
  else
    status = efla_tensors_read(
        p->in, tensor, &all,
        efla_array_head_major(p->wide, EFLA_F64, p->x.tokens, p->x.heads, efla_tensors_width(p->in, tensor)), why);
  if (status == EFLA_OK) efla_file_narrow(n, p->wide, to);
  return status;
}

static efla_status write_array(pass *p, efla_tensor tensor, size_t entry, const efla_array *from, efla_message *why) {
  const efla_tensor_block all = {entry, 0, p->x.heads, 0, p->x.tokens};
  const size_t n = entries(p, tensor), states = efla_sequence_states(&p->x), one = n / states;
  efla_status status = EFLA_OK;
  efla_file_widen(n, 1, from, p->wide);
  if (!efla_tensor_is_state(tensor))
    return efla_tensors_write(
        p->out, tensor, &all,
        efla_array_head_major(p->wide, EFLA_F64, p->x.tokens, p->x.heads, efla_tensors_width(p->in, tensor)), why);
  for (size_t s = 0; s < states && status == EFLA_OK; s++)
    status = efla_tensors_write_states(p->out, tensor, entry + s, 0, p->x.heads, p->wide + s * one, why);
  return status;
}

static void describe(pass *p, const efla_tensors *in, const efla_rule *rule) {
  p->all = efla_file_inputs_of(in, rule);
  p->x = (efla_sequence){.batch = 1, .heads = in->heads, .tokens = in->tokens, .dk = in->dk, .dv = in->dv};
  p->x.g_per_channel = efla_decay_tensor(rule->decay) == EFLA_G && in->g_per_channel;
  if (in->cu_seqlens) p->x.cu_seqlens = in->cu_seqlens, p->x.sequences = in->sequences;
}

static efla_status pass_init(pass *p, const efla_rule *rule, efla_message *why) {
  const efla_tensors *in = p->in;
  describe(p, in, rule);
  size_t most = entries(p, EFLA_D_FINAL_STATE);
  bool fine = true;
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++) {
    if (p->all.input[i] == EFLA_TENSORS) continue;
    *efla_file_input(&p->x, i) = make(p, p->all.input[i]), *efla_file_gradient(&p->dx, i) = make(p, p->all.gradient[i]);
    fine &= efla_file_input(&p->x, i)->data && efla_file_gradient(&p->dx, i)->data;
    most = most > entries(p, p->all.input[i]) ? most : entries(p, p->all.input[i]);
  }
  p->dy.o = make(p, EFLA_D_O);
  if (in->has[EFLA_D_FINAL_STATE]) p->dy.final_state = make(p, EFLA_D_FINAL_STATE);
  p->wide = malloc(most * sizeof *p->wide);
  fine &= p->wide && p->dy.o.data && (!in->has[EFLA_D_FINAL_STATE] || p->dy.final_state.data);
  return fine ? EFLA_OK : efla_fail_memory(why);
}

static void pass_clear(pass *p) {
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++)
    free(efla_file_input(&p->x, i)->data), free(efla_file_gradient(&p->dx, i)->data);
  free(p->dy.o.data), free(p->dy.final_state.data), free(p->wide);
}

static efla_status pass_entry(pass *p, const efla_rule *rule, efla_backend *backend, size_t entry, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < EFLA_FILE_INPUTS && status == EFLA_OK; i++)
    if (p->all.input[i] != EFLA_TENSORS) status = read_array(p, p->all.input[i], entry, efla_file_input(&p->x, i), why);
  if (status == EFLA_OK) status = read_array(p, EFLA_D_O, entry, &p->dy.o, why);
  if (status == EFLA_OK && p->dy.final_state.data)
    status = read_array(p, EFLA_D_FINAL_STATE, entry, &p->dy.final_state, why);
  if (status != EFLA_OK) return status;
  if (efla_device_backward(backend, rule, &p->x, &p->dy, &p->dx) != EFLA_OK)
    return efla_fail(why, EFLA_USAGE, "%s: gradients: %s", p->in->path, efla_last_message(backend));
  for (size_t i = 0; i < EFLA_FILE_INPUTS && status == EFLA_OK; i++)
    if (p->all.gradient[i] != EFLA_TENSORS)
      status = write_array(p, p->all.gradient[i], entry, efla_file_gradient(&p->dx, i), why);
  return status;
}

/* Bytes of the arrays of one batch entry, as pass_init makes them. */
static double bytes_of_entry(const efla_tensors *in, const efla_rule *rule, size_t size) {
  const efla_file_inputs all = efla_file_inputs_of(in, rule);
  const double rows = (double)in->tokens * (double)in->heads, entry_states = in->cu_seqlens ? (double)in->sequences : 1,
               states = entry_states * (double)in->heads * (double)in->dk * (double)in->dv;
  double numbers = rows * (double)in->dv + (in->has[EFLA_D_FINAL_STATE] ? states : 0), most = states;
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++) {
    if (all.input[i] == EFLA_TENSORS) continue;
    const double one =
        efla_tensor_is_state(all.input[i]) ? states : rows * (double)efla_tensors_width(in, all.input[i]);
    numbers += 2 * one, most = fmax(most, one);
  }
  return numbers * (double)size + most * sizeof(double);
}

efla_status efla_backward_file_check(const efla_rule *rule, const char *backend, const efla_tensors *in,
                                     const efla_format *format, efla_message *why) {
  const bool device = efla_file_on_device(backend);
  if (!efla_file_computed(format, device))
    return efla_fail(why, EFLA_USAGE, "--gradients: precision %s, expected %s", format->name,
                     efla_file_precisions(device));
  if (efla_file_decay_exact(in, rule->decay))
    return efla_fail(why, EFLA_USAGE, "--gradients: decay exact, expected lie or strang");
  if (in->scale == 0)
    return efla_fail(why, EFLA_INPUT, "%s: attribute scale: 0, expected another number for --gradients", in->path);
  if (!in->has[EFLA_D_O])
    return efla_fail(why, EFLA_INPUT, "%s: do: no such dataset, expected the derivative of a loss by o", in->path);
  const double bytes = bytes_of_entry(in, rule, efla_type_size(efla_file_type(format, device))),
               memory = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (memory <= 0 || bytes <= memory) return EFLA_OK;
  return efla_fail(
      why, EFLA_NO_MEMORY,
      "%s: the gradients of a batch entry take %.0f bytes of memory, expected at most the %.0f of this machine",
      in->path, bytes, memory);
}

size_t efla_backward_file_list(const efla_rule *rule, const efla_tensors *in, efla_tensor to[EFLA_FILE_INPUTS]) {
  const efla_file_inputs all = efla_file_inputs_of(in, rule);
  size_t n = 0;
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++)
    if (all.gradient[i] != EFLA_TENSORS) to[n++] = all.gradient[i];
  return n;
}

efla_status efla_backward_file_declare(const efla_rule *rule, const efla_tensors *in, efla_tensors *out,
                                       efla_message *why) {
  efla_tensor all[EFLA_FILE_INPUTS];
  efla_status status = EFLA_OK;
  const size_t n = efla_backward_file_list(rule, in, all);
  for (size_t i = 0; i < n && status == EFLA_OK; i++) status = efla_tensors_add(out, all[i], &out->stored[EFLA_O], why);
  return status;
}

efla_status efla_backward_file(const efla_rule *rule, const char *backend, const efla_format *format, efla_tensors *in,
                               efla_tensors *out, size_t threads, efla_message *why) {
  pass p = {.in = in, .out = out, .type = efla_file_type(format, efla_file_on_device(backend))};
  const efla_options options = {.threads = threads < EFLA_MAX_THREADS ? threads : EFLA_MAX_THREADS};
  efla_backend *opened = NULL;
  efla_status status = efla_backend_open(backend, &options, &opened);
  if (status != EFLA_OK) return efla_fail(why, EFLA_USAGE, "%s", efla_last_message(NULL));
  status = pass_init(&p, rule, why);
  for (size_t entry = 0; entry < in->batch && status == EFLA_OK; entry++)
    status = pass_entry(&p, rule, opened, entry, why);
  pass_clear(&p);
  efla_backend_close(opened);
  return status;
}

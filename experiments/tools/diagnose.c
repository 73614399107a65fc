/* SPDX-License-Identifier: GPL-3.0-or-later */
/* diagnose: are your keys and step sizes in the region where the delta rule is unstable or inaccurate?
 *
 * Inputs    your own q, k, v, beta in a tensor file, with g or alpha, p, initial_state and cu_seqlens if it has them.
 * Measures  of every token: the step x, which is beta*lambda unless a decay is within the step, which of the
 * methods' limits it is beyond, the growth of the
 *           product of transitions under each method, and whether a state in f32 overflows; of the first tokens
 *           of every head also: errors of all methods and of the number formats against an oracle, and the
 *           condition of the chunks' triangular systems; or, with g per channel, of the splittings of decay and step.
 *           With an erase key p: mu = p^T k, and where it is negative.
 * Writes    a report on standard output, or the same as a JSON object; a table and a picture on request. */
#include "laboratory.h"

#include <stdio.h>
#include <stdlib.h>

static const char *input, *picture;
static bool json;
static size_t decay, measure, truth;
static efla_list tolerances;

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "tensor file with q, k, v and beta", EFLA_NEEDED, &input, 0, 0, NULL},
    {"decay", "NAME", "file", NULL,
     "decay of the state; file: split if the file has g, retention if it has alpha, none if it has neither; with g per "
     "channel split is lie, and exact the flow of decay and erasure together",
     EFLA_NAME, &decay, 0, 0, efla_file_decay_name},
    {"json", NULL, NULL, NULL, "write the report as a JSON object", EFLA_FLAG, &json, 0, 0, NULL},
    {"figure", "FILE", NULL, NULL, "draw its picture: FILE.svg, FILE.pdf or FILE.png", EFLA_RESULT, &picture, 0, 0,
     NULL},
    {"tokens", "N", "2048", NULL, "tokens of every head on which errors, formats and chunks are measured", EFLA_COUNT,
     &measure, 1, 1e15, NULL},
    {"tolerance", "LIST", "1e-3,1e-5", NULL, "errors of the state for which a format is to suffice", EFLA_REALS,
     &tolerances, 1e-300, 1, NULL},
    {"truth", "NAME", "longdouble", NULL, "oracle", EFLA_NAME, &truth, 0, 0, efla_oracle_name},
    {.name = NULL},
};

/* The rows go to the table, and with a header of their own to the picture. */
static efla_status tabulate(efla_diagnosis *d, const efla_diagnosis_about *about, const efla_cli *cli,
                            efla_table *table, efla_message *why) {
  efla_branch branch;
  char *text = NULL, sentence[EFLA_SENTENCE];
  size_t length = 0;
  FILE *file = efla_memory_stream(&text, &length);
  efla_status status = file && efla_table_fork(table, &branch) == EFLA_OK ? EFLA_OK : efla_fail_memory(why);
  if (status == EFLA_OK) {
    efla_diagnosis_write_rows(d, about, &branch.table);
    if (fflush(branch.table.file) != 0 || ferror(branch.table.file)) status = efla_fail_memory(why);
    efla_table_header(file, cli);
    efla_columns_header(file, cli->program->columns);
    if (status == EFLA_OK) fputs(branch.text, file);
    efla_table_join(table, &branch);
  }
  if (file && !efla_memory_stream_close(file)) status = efla_fail_memory(why);
  efla_diagnosis_sentence(d, sentence);
  const efla_figure_text texts[] = {{"input", input}, {"verdict", sentence}};
  if (status == EFLA_OK && picture)
    status = efla_figure_draw("diagnose", text, length, sizeof texts / sizeof *texts, texts, picture, why);
  free(text);
  return status;
}

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  return picture ? efla_figure_check("diagnose", picture, why) : EFLA_OK;
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  efla_tensors file;
  efla_diagnosis d = {0};
  efla_message refusal;
  const efla_decay *used;
  efla_status status = efla_tensors_open(&file, input, why), trusted = EFLA_OK;
  if (status != EFLA_OK) return status;
  status = efla_file_decay_by_option(&file, decay, &used, why);
  if (status == EFLA_OK) status = efla_diagnosis_file(&d, &file, used, measure, &efla_oracles[truth], why);
  if (status == EFLA_OK) {
    const efla_diagnosis_about about = {input, tolerances.n, tolerances.value};
    trusted = efla_diagnosis_finish(&d, &refusal);
    if (trusted != EFLA_OK && trusted != EFLA_UNTRUSTED)
      status = trusted, *why = refusal;
    else if (json)
      status = efla_diagnosis_write_json(&d, &about, stdout, why);
    else
      efla_diagnosis_write_text(&d, &about, stdout);
    if (status == EFLA_OK) status = tabulate(&d, &about, cli, table, why);
  }
  efla_diagnosis_clear(&d);
  efla_tensors_close(&file, NULL);
  if (status == EFLA_OK && trusted != EFLA_OK) return *why = refusal, trusted;
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "diagnose",
      .summary =
          "Says whether your keys and step sizes are in the region where the delta rule is unstable or inaccurate.",
      .description =
          "The input is HDF5, .npz or safetensors with datasets q, k (B,T,H,dk), v (B,T,H,dv) and beta (B,T,H), "
          "with or without B and H, that stays as it is until the end; "
          "g or alpha (as for run), p, initial_state and cu_seqlens are taken into account where they are there.\n\n"
          "The report tells, in total and for every head: "
          "the distribution of the step x = beta*lambda (lambda = |k|^2), "
          "with the decay joint beta*lambda - g and with retention 1 - alpha + alpha*beta*lambda; "
          "how many tokens are beyond the limits up to which methods do not overshoot or amplify, and the first of them; "
          "with a decay, quantiles of the half-life ln 2/(-log d) of what a token leaves in place, in tokens, "
          "and the share of tokens where the decays split and joint write differently "
          "by more than the unit roundoff of f32 and of bf16; "
          "the growth rate per token of the product of transitions under each method, "
          "as measured and as the law for keys of random directions has it; "
          "errors of every method relative to the exact flow, of state and read-outs, "
          "the first token where the state is lost (error above 1) and where it overflows f32; "
          "the largest entry and the condition of (I + L)^-1 for chunks; "
          "which number format of the state suffices.  "
          "With g per channel (lie, strang, exact) half-lives are of all channels, and in place of errors, formats and "
          "chunks stand the errors of Lie's and Strang's splitting relative to the exact flow, along the first "
          "--tokens tokens of every head, and the share of these tokens where a step of Lie's errs by more than the "
          "unit roundoff of f32 and of bf16, to first order in the rates and relative to the state.  "
          "With an erase key p the step is beta*mu, mu = p^T k, a negative one counts as 0; told are quantiles of mu, "
          "the share of tokens with mu < 0, where the flow itself grows along k, and by how much.  "
          "It ends with a sentence.  Tokens, heads and sequences count from 0; a batch entry is a sequence.\n\n"
          "Errors, formats and chunks are measured on the first --tokens tokens of every head, all else on all tokens; "
          "states are compared at up to 256 of them, evenly spaced, so that 'lost' may come that much late; "
          "an error 'at the end' is the measured one times the square root of the ratio of lengths, "
          "as if it went on as a random walk.  Quantiles are exact up to 4096 tokens and to 0.28 % beyond.\n\n"
          "In JSON numbers that are not finite are the strings \"inf\", \"-inf\", \"nan\".",
      .options = options,
      .columns = efla_diagnosis_columns,
      .run = run,
      .check = check,
      .reports = true};
  return efla_program_main(&program, argc, argv);
}

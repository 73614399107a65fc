/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare: is a kernel's q, k, v, beta -> o right, to how many ulps, and if not, from which token on and why?
 *
 * Inputs    a tensor file (io/tensors.h) with q, k, v, beta and a kernel's o, perhaps final_state; o may be in
 *           a file of its own.  Perhaps do, and gradients that follow from it.
 * Measures  the error of every token and final state against the truth (long double, or certified), in ulps of
 *           o's type, relative, and in units of the bound for rounding on these tokens (check/error_bound.h);
 *           how it depends on the token's number; whether o depends on later tokens, where there are two runs;
 *           and, if it is out of tolerance, which usual fault explains it.
 * Writes    a report that ends with a verdict, and with --out one row per head and range of tokens.  Status 1:
 *           outside.  With --make, instead, inputs to test a kernel on (check/awkward.h). */
#include "laboratory.h"

#include <stdlib.h>

static const char *input, *outputs, *against, *tolerance_text, *make;
static efla_list cases;
static bool json, channels;
static size_t method, decay, keys, truth, precision, type, seed;

static const char *truth_name(size_t i) {
  static const char *const names[] = {"longdouble", "arb"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const char *precision_name(size_t i) { return i == 0 ? "declared" : efla_format_name(i - 1); }

static const char *type_name(size_t i) {
  static const char *const names[] = {"case", "f64", "f32", "bf16", "fp16"};
  return i < sizeof names / sizeof *names ? names[i] : NULL;
}

static const efla_option options[] = {
    {"input", "FILE", NULL, NULL, "tensor file with q, k, v, beta and o; needed without make", EFLA_TEXT, &input, 0, 0,
     NULL},
    {"outputs", "FILE", NULL, NULL, "file with o and final_state, and gradients, if they are not in the input",
     EFLA_TEXT, &outputs, 0, 0, NULL},
    {"against", "FILE", NULL, NULL, "a second run, whose inputs agree with the first up to some token", EFLA_TEXT,
     &against, 0, 0, NULL},
    {"method", "NAME", "exact", NULL, "coefficient that the kernel is to have", EFLA_NAME, &method, 0, 0,
     efla_method_name},
    {"decay", "NAME", "file", NULL,
     "decay of the state; file: split if the file has g, retention if it has alpha, none if it has neither; with g per "
     "channel split is lie, and exact the flow of decay and erasure together",
     EFLA_NAME, &decay, 0, 0, efla_file_decay_name},
    {"keys", "NAME", "raw", NULL, "keys as they are, or scaled to norm one", EFLA_NAME, &keys, 0, 0,
     efla_key_treatment_name},
    {"truth", "NAME", "longdouble", NULL, "oracle; arb is certified, and slow", EFLA_NAME, &truth, 0, 0, truth_name},
    {"tolerance", "KIND", "bound", NULL, "bound (for rounding errors), ulps=N or rms=X", EFLA_TEXT, &tolerance_text, 0,
     0, NULL},
    {"precision", "NAME", "declared", NULL,
     "format that the kernel keeps its state in; "
     "declared: as the attribute of that name says, or else f64 if o is, f32 if not, and at last that of o",
     EFLA_NAME, &precision, 0, 0, precision_name},
    {"make", "FILE", NULL, NULL,
     "write inputs to test a kernel on instead: FILE-CASE.npz for FILE.npz, and likewise for .safetensors and .h5",
     EFLA_RESULT, &make, 0, 0, NULL},
    {"cases", "LIST", "awkward", NULL, "which of them; awkward: all; list: say what they are", EFLA_NAMES, &cases, 0, 0,
     efla_awkward_option},
    {"type", "NAME", "case", NULL, "of their arrays; case: f32, but in cases about another", EFLA_NAME, &type, 0, 0,
     type_name},
    {"channels", NULL, NULL, NULL, "g per channel of the key in all of them that have g", EFLA_FLAG, &channels, 0, 0,
     NULL},
    {"seed", "N", "1", NULL, "seed of their numbers", EFLA_COUNT, &seed, 0, 0, NULL},
    {"json", NULL, NULL, NULL, "write the report as a JSON object", EFLA_FLAG, &json, 0, 0, NULL},
    {.name = NULL},
};

static efla_tolerance tolerance;

static efla_status check(const efla_cli *cli, efla_message *why) {
  (void)cli;
  if (make && input)
    return efla_fail(why, EFLA_USAGE, "--make writes files and --input reads one, expected one of them");
  if (!make && !input && !efla_awkward_lists(&cases))
    return efla_fail(why, EFLA_USAGE, "--input FILE is needed, or --make FILE");
  return efla_tolerance_read(&tolerance, tolerance_text, why);
}

static efla_status make_cases(efla_message *why) {
  const efla_awkward_wish wish = {.method = &efla_methods[method],
                                  .decay = efla_file_decay_asked(decay),
                                  .channels = channels,
                                  .type = type ? type_name(type) : NULL,
                                  .seed = seed};
  return efla_awkward_make(&cases, &wish, make, stdout, why);
}

static efla_status run(const efla_cli *cli, efla_table *table, efla_message *why) {
  if (!input) return make_cases(why);
  efla_kernel_check_options ask = {.input = input,
                                   .outputs = outputs,
                                   .against = against,
                                   .rule = {.method = &efla_methods[method], .keys = &efla_key_treatments[keys]},
                                   .decay = decay,
                                   .truth = efla_oracle_find(truth_name(truth)),
                                   .state = precision ? &efla_formats[precision - 1] : NULL,
                                   .tolerance = tolerance};
  efla_kernel_check check;
  efla_status status = efla_kernel_check_run(&check, &ask, cli->threads, why);
  if (status == EFLA_OK) {
    if (json)
      status = efla_kernel_check_write_json(&check, stdout, why);
    else
      efla_kernel_check_write_text(&check, &ask, stdout);
    efla_kernel_check_write_rows(&check, table);
    if (status == EFLA_OK && check.outside) status = EFLA_OUTSIDE, *why->text = 0; /* the report has said it */
  }
  efla_kernel_check_clear(&check);
  return status;
}

int main(int argc, char **argv) {
  static const efla_program program = {
      .name = "compare",
      .summary = "Is a kernel's q, k, v, beta -> o right, to how many ulps, and if not, from which token on and why?",
      .description =
          "The input is HDF5, .npz or safetensors with q, k, v, beta and o, perhaps final_state, g or alpha, p, "
          "initial_state, cu_seqlens, as for run; all files must stay as they are until the end. "
          "An ulp is the gap between neighbours of o's type at the largest entry of a token. "
          "The tolerance is by default derived from the rounding errors of these tokens: the covariance of the state's "
          "error, carried by the transitions. The report ends with a line 'verdict:'; if outside, 'first out of "
          "tolerance:' and 'fault:' precede it: what explains the errors, or all that do so alike, or unknown, and "
          "then where they are. With do, the derivative of a loss by o, gradients are judged as o is: dq, dk, dv, "
          "dbeta, dg or dalpha, dp, dinitial_state, each of the shape of what it is the derivative by, with H/r heads "
          "also the sum over r heads that share an array; dfinal_state is 0 if missing. If one is outside, 'fault of' "
          "it says what is missing in it, or from which token on back it is wrong. Two runs, in the second file or as "
          "sequences that follow each other, whose inputs agree up to some token show whether o depends on later "
          "tokens. make writes files with inputs on which kernels have gone wrong, one a case, for kernels of this "
          "method and decay, whose attribute arguments names what the kernel takes; its o is added to them, or given "
          "as outputs.",
      .options = options,
      .columns = efla_kernel_check_columns,
      .run = run,
      .check = check,
      .reports = true};
  return efla_program_main(&program, argc, argv);
}

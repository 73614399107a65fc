/* bin/diagnose as its users meet it: the report, the JSON object, the table, the picture, and what it says of bad input. */
#include "files.h"
#include "h5.h"
#include "testing.h"

#include <json.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT = 1 << 21 };
static char in[256], out[TEXT], err[1 << 14];
static const char *work;

static hid_t set_up(const char *name) {
  work = files_directory(name);
  snprintf(in, sizeof in, "%s/in.h5", work);
  return h5_create(in);
}

/* "bin/diagnose --input IN options" after `before` (variables, limits). */
static int run(const char *before, const char *options, ...) __attribute__((format(printf, 2, 3)));
static int run(const char *before, const char *options, ...) {
  char *command, *text;
  va_list values;
  va_start(values, options);
  ck_assert_int_ge(vasprintf(&text, options, values), 0);
  va_end(values);
  ck_assert_int_ge(asprintf(&command, "%s " TEST_BIN "/diagnose --input %s %s", before, in, text), 0);
  int status = testing_shell(command, out, NULL, sizeof out);
  if (status != 0) status = testing_shell(command, out, err, sizeof err); /* once more for what it says */
  free(command);
  free(text);
  return status;
}

static const h5_sizes usual = {2, 130, 3, 16, 8};

/* Raw keys of norm 1; head 1 of sequence 1 has one token at t = 77 that is nine times as long with beta = 1. */
static void put_usual(hid_t file, const h5_sizes *sizes) {
  double *q = h5_numbers(sizes, 'q', 1), *k = h5_numbers(sizes, 'k', 1), *v = h5_numbers(sizes, 'v', 1);
  double *beta = h5_numbers(sizes, 'b', 1);
  size_t place = (sizes->tokens + 77) * sizes->heads + 1;
  beta[place] = 1;
  for (size_t i = 0; i < sizes->dk; i++) k[place * sizes->dk + i] = i == 0 ? 9 : 0;
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, sizes, sizes->dk, q);
  h5_put_tokens(file, "k", H5T_IEEE_F32LE, sizes, sizes->dk, k);
  h5_put_tokens(file, "v", H5T_IEEE_F32LE, sizes, sizes->dv, v);
  h5_put_tokens(file, "beta", H5T_IEEE_F32LE, sizes, 0, beta);
  free(q), free(k), free(v), free(beta);
}

/* The same through the library. */
static efla_diagnosis by_the_library(const h5_sizes *sizes) {
  efla_tensors file;
  efla_stream stream;
  efla_diagnosis d;
  efla_message why;
  ck_assert_int_eq(efla_tensors_open(&file, in, &why), EFLA_OK);
  ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){0}, &why), EFLA_OK);
  const efla_diagnosis_plan plan = {sizes->batch, sizes->heads, sizes->dk, sizes->dv, 3, 2048, efla_oracle_find("longdouble")};
  ck_assert_int_eq(efla_diagnosis_init(&d, &plan, &why), EFLA_OK);
  while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done)
    for (size_t h = 0; h < stream.span.heads; h++) {
      efla_tokens x = efla_stream_tokens(&stream, h);
      efla_diagnosis_start(&d, h, stream.sequence, stream.span.head + h, NULL, stream.length);
      efla_diagnosis_advance(&d, h, &x, NULL);
    }
  ck_assert_int_eq(efla_diagnosis_finish(&d, &why), EFLA_OK);
  efla_stream_clear(&stream);
  efla_tensors_close(&file, NULL);
  return d;
}

/* A member, which must be there. */
static json_object *get(json_object *object, const char *key) {
  json_object *value = NULL;
  ck_assert_msg(json_object_object_get_ex(object, key, &value), "no member %s", key);
  return value;
}

static double number(json_object *object, const char *key) {
  json_object *value = get(object, key);
  if (json_object_is_type(value, json_type_string)) return strtod(json_object_get_string(value), NULL);
  return json_object_get_double(value);
}

static void check_place(json_object *object, const char *key, efla_place place) {
  json_object *value = get(object, key);
  ck_assert_int_eq(value != NULL, efla_somewhere(place));
  if (!value) return;
  ck_assert(number(value, "token") == (double)place.token && number(value, "head") == (double)place.head &&
            number(value, "sequence") == (double)place.sequence);
}

static void check_deviation(json_object *object, const efla_deviation *d) {
  ck_assert_double_eq(number(object, "state_error"), d->state.value);
  ck_assert_double_eq(number(object, "readout_error"), d->readout.value);
  ck_assert_double_eq(number(object, "largest_state_error"), d->largest.value);
  check_place(object, "lost", d->lost);
  check_place(object, "overflow", d->overflow);
}

/* Everything in "total" or in one of "heads" reads back as the very numbers that were found. */
static void check_findings(json_object *object, efla_findings *f) {
  json_object *x = get(object, "x"), *beyond = get(x, "beyond"), *quantiles = get(x, "quantiles"), *bars = get(x, "histogram");
  size_t tokens = 0;
  ck_assert_double_eq(number(object, "tokens"), (double)f->tokens);
  for (size_t i = 0; i < json_object_array_length(quantiles); i++) {
    json_object *quantile = json_object_array_get_idx(quantiles, i);
    ck_assert_double_eq(number(quantile, "x"), efla_quantiles_at(&f->x, number(quantile, "order")));
  }
  for (size_t i = 0; i < json_object_array_length(bars); i++)
    tokens += (size_t)number(json_object_array_get_idx(bars, i), "tokens");
  ck_assert_uint_eq(tokens, f->tokens);
  ck_assert_uint_eq(json_object_array_length(beyond), f->limits);
  for (size_t i = 0; i < f->limits; i++) {
    json_object *limit = json_object_array_get_idx(beyond, i);
    ck_assert_double_eq(number(limit, "x"), f->beyond[i].limit);
    ck_assert_double_eq(number(limit, "tokens"), (double)f->beyond[i].tokens);
    ck_assert_double_eq(number(limit, "share"), (double)f->beyond[i].tokens / (double)f->tokens);
    check_place(limit, "first", f->beyond[i].first);
  }
  for (size_t m = 0; m < f->methods; m++) {
    json_object *method = json_object_array_get_idx(get(object, "methods"), m);
    ck_assert_str_eq(json_object_get_string(get(method, "method")), f->method[m].method->name);
    ck_assert_double_eq(number(method, "growth_rate"), f->method[m].rate.value);
    ck_assert_double_eq(number(method, "growth_rate_by_law"), f->method[m].law.value);
    check_place(method, "overflow_f32", f->method[m].overflow_f32);
    check_deviation(method, &f->method[m].deviation);
  }
  for (size_t c = 0; c < EFLA_FINDINGS_CHUNKS * EFLA_FINDINGS_GATES; c++) {
    json_object *chunk = json_object_array_get_idx(get(object, "chunks"), c);
    const efla_chunk_finding *expected = &f->chunk[c / EFLA_FINDINGS_GATES];
    ck_assert_double_eq(number(chunk, "chunk"), (double)expected->chunk);
    ck_assert_double_eq(number(chunk, "largest"), expected->largest[c % EFLA_FINDINGS_GATES].value);
    ck_assert_double_eq(number(chunk, "condition"), expected->condition[c % EFLA_FINDINGS_GATES].value);
  }
  for (size_t i = 0; i < f->formats; i++) {
    json_object *format = json_object_array_get_idx(get(object, "precisions"), i);
    ck_assert_str_eq(json_object_get_string(get(format, "precision")), f->format[i].format->name);
    check_deviation(format, &f->format[i].deviation);
  }
  json_object *sufficient = get(object, "sufficient");
  ck_assert_uint_eq(json_object_array_length(sufficient), 2);
  for (size_t i = 0; i < 2; i++) {
    json_object *one = json_object_array_get_idx(sufficient, i);
    const efla_format *expected = efla_diagnosis_sufficient(f, number(one, "tolerance"));
    ck_assert_str_eq(json_object_get_string(get(one, "precision")), expected->name);
  }
}

START_TEST(json_reads_back) {
  hid_t file = set_up("diagnose-json");
  put_usual(file, &usual);
  h5_close(file);
  ck_assert_int_eq(run("", "--json"), 0);
  json_object *all = json_tokener_parse(out), *heads;
  ck_assert_ptr_nonnull(all);
  efla_diagnosis d = by_the_library(&usual);
  char sentence[EFLA_SENTENCE];
  efla_diagnosis_sentence(&d, sentence);
  ck_assert_str_eq(json_object_get_string(get(all, "verdict")), sentence);
  ck_assert_str_eq(json_object_get_string(get(all, "input")), in);
  ck_assert(number(all, "dk") == 16 && number(all, "dv") == 8 && number(all, "sequences") == 2);
  check_findings(get(all, "total"), &d.total);
  heads = get(all, "heads");
  ck_assert_uint_eq(json_object_array_length(heads), usual.heads);
  for (size_t h = 0; h < usual.heads; h++) check_findings(json_object_array_get_idx(heads, h), &d.head[h]);
  json_object_put(all);
  efla_diagnosis_clear(&d);
}
END_TEST

/* A line of the report that begins with these words, in any number of blanks. */
static void check_line(const char *line) {
  size_t length = strlen(line);
  for (const char *at = out; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
    char squeezed[512];
    size_t n = 0;
    for (const char *c = at + strspn(at, " "); *c && *c != '\n' && n < sizeof squeezed - 1; c++)
      if (*c != ' ' || (n > 0 && squeezed[n - 1] != ' ')) squeezed[n++] = *c;
    squeezed[n] = 0;
    if (!strncmp(squeezed, line, length)) return;
  }
  ck_abort_msg("no line '%s' in:\n%s", line, out);
}

/* Total first, one line a head in three tables, the sentence last; no line but that is longer than 132 columns.  One of 780 tokens lies at
 * x = 81, where Euler writes 81 times too much: its state is lost, but nothing grows. */
START_TEST(the_report) {
  hid_t file = set_up("diagnose-text");
  put_usual(file, &usual);
  h5_close(file);
  ck_assert_int_eq(run("", "--tokens 100"), 0);
  check_line("x > 2 1 0.128 % t = 77, head 1, sequence 1 trapezoid: overshooting euler, rk2: amplifying errors");
  check_line("64 .. 128 0.128 % #");
  check_line("euler ");
  check_line("128 1 ");
  check_line("f32 24 ");
  check_line("Sufficient for an error of the state of 0.001: f32; for 1e-05: f32.");
  for (int h = 0; h < 3; h++) {
    char line[64];
    snprintf(line, sizeof line, "%d 260 ", h);
    check_line(line);
  }
  check_line("1 -0.");
  check_line(
      "0.13 % of tokens at beta*lambda > 2, first at t = 77, head 1, sequence 1: Euler with raw keys amplifies errors there but");
  ck_assert_ptr_nonnull(strstr(out, "Measured on the first 100 tokens of every head"));
  size_t longest = 0, length, last = 0;
  for (const char *at = out; *at; at += length + 1) {
    length = strcspn(at, "\n");
    if (last > longest) longest = last; /* all but the last line */
    last = length;
    if (!at[length]) break;
  }
  ck_assert_uint_le(longest, 132);
}
END_TEST

/* A file with all that there can be: packed sequences, decays, an initial state from which Euler soon overflows.  inf is a string. */
START_TEST(everything_in_a_file) {
  const h5_sizes sizes = {1, 90, 2, 4, 3};
  const double bounds[] = {0, 30, 90};
  double g[180], S[2 * 2 * 12] = {0};
  S[2 * 12 + 1] = 1e38; /* sequence 1, head 0 */
  for (size_t i = 0; i < 180; i++) g[i] = -2;
  hid_t file = set_up("diagnose-all");
  h5_inputs(file, &sizes, 12);
  h5_put_tokens(file, "g", H5T_IEEE_F32LE, &sizes, 0, g);
  H5_PUT(file, "cu_seqlens", H5T_STD_I64LE, bounds, 3);
  H5_PUT(file, "initial_state", H5T_IEEE_F64LE, S, 2, 2, 4, 3);
  h5_close(file);
  ck_assert_int_eq(run("", "--json"), 0);
  json_object *all = json_tokener_parse(out);
  json_object *euler = json_object_array_get_idx(get(json_object_array_get_idx(get(all, "heads"), 0), "methods"), 0);
  ck_assert_str_eq(json_object_get_string(get(euler, "method")), "euler");
  ck_assert(number(get(euler, "overflow_f32"), "sequence") == 1 && number(get(euler, "overflow_f32"), "token") < 4);
  ck_assert(number(all, "sequences") == 2 && number(get(all, "total"), "tokens") == 180);
  json_object *total = get(all, "total"), *exact = json_object_array_get_idx(get(total, "methods"), 8);
  ck_assert_str_eq(json_object_get_string(get(exact, "method")), "exact");
  CHECK_BOUND(number(exact, "growth_rate"), -2); /* it fades, and decays on top of that */
  CHECK_BOUND(number(exact, "growth_rate_by_law"), -2);
  json_object *fp16 = json_object_array_get_idx(get(total, "precisions"), 4);
  ck_assert_str_eq(json_object_get_string(get(fp16, "precision")), "fp16");
  ck_assert_str_eq(json_object_get_string(get(fp16, "state_error")), "inf"); /* fp16 has no 1e38 */
  json_object_put(all);
}
END_TEST

static void check_picture(const char *format, const char *magic) {
  char path[300], bytes[8] = "";
  snprintf(path, sizeof path, "%s/it's.%s", work, format); /* a name to be quoted */
  ck_assert_msg(run("", "--tokens 64 --figure \"%s\"", path) == 0, "%s", err);
  ck_assert_ptr_nonnull(strstr(out, "Euler with raw keys"));
  FILE *file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  ck_assert_uint_eq(fread(bytes, 1, strlen(magic), file), strlen(magic));
  ck_assert_mem_eq(bytes, magic, strlen(magic));
  fseek(file, 0, SEEK_END);
  ck_assert_int_ge(ftell(file), 10000);
  fclose(file);
  strcat(path, ".part");
  ck_assert(access(path, F_OK) != 0);
}

START_TEST(pictures) {
  hid_t file = set_up("diagnose-figure");
  put_usual(file, &usual);
  h5_close(file);
  check_picture("svg", "<?xml");
  check_picture("pdf", "%PDF");
  check_picture("png", "\x89PNG");
}
END_TEST

/* The table has the rows of the picture, and a header. */
START_TEST(the_table) {
  hid_t file = set_up("diagnose-table");
  put_usual(file, &usual);
  h5_close(file);
  ck_assert_int_eq(run("", "--out %s/table.csv", work), 0);
  char path[300];
  efla_csv csv;
  efla_message why;
  snprintf(path, sizeof path, "%s/table.csv", work);
  ck_assert_msg(efla_csv_read(&csv, path, &why) == EFLA_OK, "%s", why.text);
  ck_assert_ptr_nonnull(strstr(csv.header, "# input: "));
  double histogram = 0;
  size_t rates = 0, beyond = 0;
  for (size_t r = 0; r < csv.rows; r++) {
    const char *study = efla_csv_text(&csv, r, "study");
    if (!strcmp(study, "histogram")) histogram += efla_csv_real(&csv, r, "value");
    if (!strcmp(study, "rate")) rates++;
    if (!strcmp(study, "limit") && efla_csv_real(&csv, r, "to") == 77) beyond++;
  }
  CHECK_BOUND(fabs(histogram - 1), 1000 * U); /* a sum of fewer than 1000 shares */
  ck_assert_uint_eq(rates, 3 * 9);
  ck_assert_uint_ge(beyond, 4); /* 2, 2.785, 3, 4.31; other tokens of this file are beyond 1 as well */
  efla_csv_clear(&csv);
}
END_TEST

/* A script of one's own that begins its picture and fails: the report stands, nothing else does. */
START_TEST(a_picture_that_fails) {
  hid_t file = set_up("diagnose-fails");
  h5_inputs(file, &usual, 1);
  h5_close(file);
  char path[400], before[600];
  snprintf(before, sizeof before, "mkdir -p '%s/plots'", work);
  ck_assert_int_eq(system(before), 0);
  static const char script[] = "set print picture\nprint input\nexit status 7\n";
  snprintf(path, sizeof path, "%s/plots/diagnose.gp", work);
  files_write(path, script, strlen(script));
  snprintf(before, sizeof before, "EFLA_DATADIR=%s", work);
  ck_assert_int_eq(run(before, "--tokens 8 --figure %s/picture.svg", work), 3);
  ck_assert_msg(strstr(err, "picture.svg: gnuplot could not draw it") != NULL, "%s", err);
  ck_assert_ptr_nonnull(strstr(out, "Euler with raw keys"));
  snprintf(path, sizeof path, "%s/picture.svg", work);
  ck_assert(access(path, F_OK) != 0);
  strcat(path, ".part");
  ck_assert(access(path, F_OK) != 0);
}
END_TEST

/* Status 3 and a sentence with the name, nothing on standard output, nothing left behind. */
static void check_refused(const char *before, const char *options, int status, const char *word) {
  int found = run(before, "%s", options);
  ck_assert_msg(found == status, "%s %s: status %d, %s", before, options, found, err);
  ck_assert_msg(strstr(err, word) != NULL, "%s: %s", options, err);
}

START_TEST(what_is_refused) {
  hid_t file = set_up("diagnose-refused");
  double *beta = h5_numbers(&usual, 'b', 1), *k = h5_numbers(&usual, 'k', 1);
  h5_inputs(file, &usual, 1);
  h5_close(file);
  char options[600], figure[300];
  snprintf(figure, sizeof figure, "%s/picture.png", work);
  snprintf(options, sizeof options, "--figure %s", figure);
  check_refused("EFLA_DATADIR=/no/such", options, 3, "no plots/diagnose.gp in /no/such");
  check_refused("PATH=/no/such", options, 3, "gnuplot is not installed");
  ck_assert_str_eq(out, ""); /* it says so before it works */
  snprintf(options, sizeof options, "--figure %s/picture.jpg", work);
  check_refused("", options, 3, ".svg, .pdf or .png");
  snprintf(options, sizeof options, "--figure %s/missing/picture.png", work);
  check_refused("", options, 3, "missing/picture.png");
  snprintf(options, sizeof options, "--out %s", in);
  check_refused("", options, 3, "the input");
  snprintf(options, sizeof options, "ln -sf in.h5 %s/in.png;", work);
  ck_assert_int_eq(system(options), 0);
  snprintf(options, sizeof options, "--figure %s/in.png", work);
  check_refused("", options, 3, "the input");
  check_refused("", "--tolerance 0", 2, "'0'");
  check_refused("", "--tokens 0", 2, "'0'");
  check_refused("", "--json=1", 2, "json");
  check_refused("", ">/dev/full", 3, "standard output");
  ck_assert(access(figure, F_OK) != 0);

  snprintf(in, sizeof in, "%s/missing.h5", work);
  check_refused("", "", 3, "missing.h5");
  ck_assert_str_eq(out, "");
  beta[7] = -1;
  k[usual.dk * 9 + 2] = NAN;
  file = set_up("diagnose-refused");
  h5_put_tokens(file, "q", H5T_IEEE_F32LE, &usual, usual.dk, k), h5_put_tokens(file, "k", H5T_IEEE_F32LE, &usual, usual.dk, k);
  h5_close(file);
  check_refused("", "", 3, "v");
  free(beta), free(k);
}
END_TEST

/* beta*lambda past what an oracle takes: the rest of the report stands, status 1. */
START_TEST(an_oracle_refuses) {
  hid_t file = set_up("diagnose-oracle");
  h5_inputs(file, &usual, 1000);
  h5_close(file);
  ck_assert_int_eq(run("", "--truth odeiv --tokens 4"), 1);
  ck_assert_ptr_nonnull(strstr(err, "odeiv refuses"));
  ck_assert_ptr_nonnull(strstr(out, "the exact gate or unit keys are safe."));
}
END_TEST

/* Memory does not grow with the file: 230 MB of f32, all zero and never stored, in less than 300 MB beside all libraries, and less than the
 * numbers themselves would take as doubles.  (AddressSanitizer keeps what was freed, and is spared this.) */
START_TEST(memory_is_bounded) {
#ifndef __SANITIZE_ADDRESS__
  static const char *const names[] = {"q", "k", "v", "beta"};
  hid_t file = set_up("diagnose-memory"), plist = H5Pcreate(H5P_DATASET_CREATE);
  for (size_t i = 0; i < 4; i++) {
    const hsize_t size[] = {150000, 1, 128}, chunk[] = {256, 1, 128};
    int rank = i < 3 ? 3 : 2;
    hid_t space = H5Screate_simple(rank, size, NULL);
    H5Pset_chunk(plist, rank, chunk);
    H5Dclose(H5Dcreate2(file, names[i], H5T_IEEE_F32LE, space, H5P_DEFAULT, plist, H5P_DEFAULT));
    H5Sclose(space);
  }
  H5Pclose(plist);
  h5_close(file);
  ck_assert_int_eq(run("", "--tokens 16"), 0);
  ck_assert_ptr_nonnull(strstr(out, "No token at beta*lambda > 2 (largest 0)"));
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  ck_assert_int_le(usage.ru_maxrss, 300 << 10); /* KiB */
#endif
}
END_TEST

int main(void) {
  const TTest *const tests[] = {json_reads_back, the_report,      everything_in_a_file, pictures,         a_picture_that_fails,
                                the_table,       what_is_refused, an_oracle_refuses,    memory_is_bounded};
  return testing_main("diagnose", tests, sizeof tests / sizeof *tests, 120);
}

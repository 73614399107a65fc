/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The argument of a decay in tensor files: which dataset is read, and what is wrong with it. */
#include "files.h"
#include "h5.h"
#include "testing.h"

static const h5_sizes usual = {2, 5, 3, 4, 6};
enum { NUMBERS = 2 * 5 * 3 };

/* Number i of the array: within the range of g, and of alpha. */
static double g_of(size_t i) { return -(double)(i % 7) / 4; }
static double alpha_of(size_t i) { return (double)(i % 9) / 8; }

/* A file with g, with alpha, or with both; number `at` of each is `spoilt`. */
static efla_tensors make(bool g, bool alpha, size_t at, double spoilt) {
  double values[NUMBERS];
  hid_t made = h5_fresh("file-decay");
  h5_inputs(made, &usual, 1);
  for (size_t i = 0; i < NUMBERS; i++) values[i] = i == at ? spoilt : g_of(i);
  if (g) h5_put_tokens(made, "g", H5T_IEEE_F64LE, &usual, 0, values);
  for (size_t i = 0; i < NUMBERS; i++) values[i] = i == at ? spoilt : alpha_of(i);
  if (alpha) h5_put_tokens(made, "alpha", H5T_IEEE_F64LE, &usual, 0, values);
  h5_close(made);
  return h5_open_fresh();
}

static void check_message(const efla_message *why, const char *words) {
  char expected[600];
  snprintf(expected, sizeof expected, "%s: %s", h5_path, words);
  ck_assert_str_eq(why->text, expected);
}

/* By the datasets where nothing is asked; what is asked must be there. */
START_TEST(chosen_by_datasets_or_by_name) {
  static const char *const suggested[] = {"none", "split", "retention", NULL};
  for (unsigned there = 0; there < 4; there++) {
    efla_tensors file = make(there & 1, there & 2, NUMBERS, 0);
    const efla_decay *chosen = NULL;
    efla_message why = {{0}};
    ck_assert_int_eq(efla_file_decay(&file, NULL, &chosen, &why), suggested[there] ? EFLA_OK : EFLA_INPUT);
    if (suggested[there])
      ck_assert_str_eq(chosen->name, suggested[there]);
    else
      check_message(&why, "g, alpha: both are there, expected one of them or a decay by name: split or joint take g, "
                          "retention takes alpha");
    for (size_t i = 0; efla_decay_name(i); i++) {
      const efla_decay *asked = efla_file_decay_asked(i + 1);
      ck_assert_str_eq(asked->name, efla_file_decay_name(i + 1));
      ck_assert_str_eq(asked->name, efla_decay_name(i));
      const efla_tensor argument = efla_decay_tensor(asked);
      const bool right = argument == EFLA_TENSORS || file.has[argument];
      ck_assert_int_eq(efla_file_decay(&file, asked, &chosen, &why), right ? EFLA_OK : EFLA_INPUT);
      if (right) ck_assert_ptr_eq(chosen, asked);
    }
    efla_tensors_close(&file, NULL);
  }
  efla_tensors file = make(false, true, NUMBERS, 0);
  const efla_decay *chosen;
  efla_message why = {{0}};
  ck_assert_int_eq(efla_file_decay(&file, efla_decay_find("joint"), &chosen, &why), EFLA_INPUT);
  check_message(&why, "g: no such dataset, expected one for decay joint");
  ck_assert(!efla_file_decay_asked(0) && !strcmp(efla_file_decay_name(0), "file"));
  efla_tensors_close(&file, NULL);
}
END_TEST

/* The stream's g has the numbers of the decay's dataset, and no other; none reads neither. */
START_TEST(the_argument_is_read) {
  efla_tensors file = make(true, true, NUMBERS, 0);
  for (const efla_decay *decay = efla_decays; decay->name; decay++) {
    efla_stream stream;
    efla_message why = {{0}};
    size_t seen = 0;
    ck_assert_int_eq(efla_stream_init(&stream, &file, &(efla_walk){.decay = decay}, &why), EFLA_OK);
    while (efla_stream_next(&stream, &why) == EFLA_OK && !stream.done)
      for (size_t h = 0; h < stream.x.heads; h++) {
        efla_tokens x = efla_stream_tokens(&stream, h);
        ck_assert_int_eq(x.g != NULL, decay->gated);
        for (size_t t = 0; t < x.tokens && x.g; t++, seen++) {
          size_t i =
              ((stream.block.batch * usual.tokens + stream.block.first + t) * usual.heads) + stream.block.head + h;
          ck_assert_double_eq(x.g[t], efla_decay_tensor(decay) == EFLA_G ? g_of(i) : alpha_of(i));
        }
      }
    ck_assert_uint_eq(seen, decay->gated ? NUMBERS : 0);
    efla_stream_clear(&stream);
  }
  efla_tensors_close(&file, NULL);
}
END_TEST

/* A number out of range is told with its place, by the decays that read it and by no other. */
START_TEST(numbers_out_of_range) {
  static const struct {
    const char *decay;
    double value;
    const char *words; /* NULL: accepted */
  } cases[] = {{"retention", NAN, "alpha[1,2,0]: nan, expected a number from 0 to 1"},
               {"retention", INFINITY, "alpha[1,2,0]: inf, expected a number from 0 to 1"},
               {"retention", -0.125, "alpha[1,2,0]: -0.125, expected a number from 0 to 1"},
               {"retention", 1.125, "alpha[1,2,0]: 1.125, expected a number from 0 to 1"},
               {"retention", 0, NULL},
               {"retention", 1, NULL},
               {"split", 0.125, "g[1,2,0]: 0.125, expected a finite number that is not positive"},
               {"joint", NAN, "g[1,2,0]: nan, expected a finite number that is not positive"},
               {"joint", -INFINITY, "g[1,2,0]: -inf, expected a finite number that is not positive"},
               {"joint", -1e300, NULL},
               {"split", 0, NULL},
               {"none", NAN, NULL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    efla_tensors file = make(true, true, (1 * 5 + 2) * 3, cases[i].value);
    efla_stream stream;
    efla_message why = {{0}};
    const efla_walk walk = {.decay = efla_decay_find(cases[i].decay)};
    efla_status status = efla_stream_init(&stream, &file, &walk, &why);
    while (status == EFLA_OK && !stream.done) status = efla_stream_next(&stream, &why);
    ck_assert_int_eq(status, cases[i].words ? EFLA_INPUT : EFLA_OK);
    if (cases[i].words) check_message(&why, cases[i].words);
    efla_stream_clear(&stream);
    efla_tensors_close(&file, NULL);
  }
}
END_TEST

/* The shape and the type of alpha are checked when the file is opened, as those of any other dataset. */
START_TEST(datasets_that_do_not_fit) {
  for (int fault = 0; fault < 2; fault++) {
    hid_t text = H5Tcopy(H5T_C_S1), made = h5_fresh("file-decay-shape");
    h5_inputs(made, &usual, 1);
    h5_put(made, "alpha", fault ? text : H5T_IEEE_F32LE, 3, (const hsize_t[]){2, fault ? 5 : 3, fault ? 3 : 5}, NULL);
    h5_close(made);
    H5Tclose(text);
    efla_tensors file;
    efla_message why = {{0}};
    ck_assert_int_eq(efla_tensors_open(&file, h5_path, &why), EFLA_INPUT);
    check_message(&why, fault ? "alpha: its type holds no real numbers, expected a float or integer type"
                              : "alpha: shape (2,3,5), expected (2,5,3) to go with q of shape (2,5,3,4)");
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {chosen_by_datasets_or_by_name, the_argument_is_read, numbers_out_of_range,
                                datasets_that_do_not_fit};
  return testing_main("file_decay", tests, sizeof tests / sizeof *tests, 60);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of a file in the types of a call: each the nearest one of its type, and back without a change. */
#include "run/file_inputs.h"
#include "testing.h"

#include <math.h>

enum { MOST = 3000 }; /* more than are converted at once */

static const struct {
  const char *precision;
  efla_type type, here; /* on a device and on the processor */
  bool computed[2];     /* on the processor, on a device */
} precisions[] = {{"f64", EFLA_F64, EFLA_F64, {true, true}},    {"f32", EFLA_F32, EFLA_F32, {true, true}},
                  {"bf16", EFLA_BF16, EFLA_F32, {false, true}}, {"fp16", EFLA_F16, EFLA_F32, {false, true}},
                  {"tf32", EFLA_F32, EFLA_F32, {false, false}}, {"e4m3", EFLA_F32, EFLA_F32, {false, false}}};

START_TEST(types) {
  for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
    const efla_format *format = efla_format_find(precisions[i].precision);
    ck_assert_int_eq(efla_file_type(format, true), precisions[i].type);
    ck_assert_int_eq(efla_file_type(format, false), precisions[i].here);
    for (int device = 0; device < 2; device++)
      ck_assert_int_eq(efla_file_computed(format, device), precisions[i].computed[device]);
  }
  ck_assert_int_eq(efla_file_scalar_type(EFLA_BF16), EFLA_F32);
  ck_assert_int_eq(efla_file_scalar_type(EFLA_F64), EFLA_F64);
  ck_assert(efla_file_is_scalar(EFLA_D_BETA) && efla_file_is_scalar(EFLA_D_FINAL_STATE) &&
            !efla_file_is_scalar(EFLA_P));
}
END_TEST

START_TEST(conversion) {
  static double numbers[MOST], back[MOST];
  static _Alignas(16) char memory[MOST * sizeof(double)];
  static const double awkward[] = {0,          -0.,     1 + 0x1p-8, 1 + 0x1.8p-8, 1 + 0x1p-11, 65519,     65520,
                                   0x1.ffp127, 0x1p-25, 0x1p-14,    -0x1p-133,    INFINITY,    -INFINITY, NAN};
  const size_t special = sizeof awkward / sizeof *awkward;
  for (size_t i = 0; i < MOST; i++)
    numbers[i] = i < special ? awkward[i] : sin((double)i) * exp2((double)(i % 40) - 20);
  for (size_t p = 0; p < 4; p++) {
    const efla_format *format = efla_format_find(precisions[p].precision);
    const efla_array to = {.data = memory, .type = precisions[p].type};
    efla_file_narrow(MOST, numbers, &to), efla_file_widen(MOST, -2, &to, back);
    for (size_t i = 0; i < MOST; i++) {
      const double expected = -2 * efla_format_round(format, numbers[i]);
      ck_assert_msg(back[i] == expected || (isnan(back[i]) && isnan(expected)), "%s: %a gives %a, expected %a",
                    format->name, numbers[i], back[i], expected);
    }
  }
}
END_TEST

int main(void) {
  const TTest *const tests[] = {types, conversion};
  return testing_main("file_inputs", tests, sizeof tests / sizeof *tests, 10);
}

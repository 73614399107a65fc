/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ode/ode.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <string.h>

#define R3 1.7320508075688772 /* sqrt 3 */

const efla_tableau efla_tableaux[] = {
    {"euler", "euler", 1, 1, {0}, {{0}}, {1}},
    {"midpoint", "rk2", 2, 2, {0, 1. / 2}, {{0}, {1. / 2}}, {0, 1}},
    {"heun", "rk2", 2, 2, {0, 1}, {{0}, {1}}, {1. / 2, 1. / 2}},
    {"ralston", "rk2", 2, 2, {0, 2. / 3}, {{0}, {2. / 3}}, {1. / 4, 3. / 4}},
    {"rk4",
     "rk4",
     4,
     4,
     {0, 1. / 2, 1. / 2, 1},
     {{0}, {1. / 2}, {0, 1. / 2}, {0, 0, 1}},
     {1. / 6, 1. / 3, 1. / 3, 1. / 6}},
    {"rk38",
     "rk4",
     4,
     4,
     {0, 1. / 3, 2. / 3, 1},
     {{0}, {1. / 3}, {-1. / 3, 1}, {1, -1, 1}},
     {1. / 8, 3. / 8, 3. / 8, 1. / 8}},
    {"dopri5",
     NULL,
     7,
     5,
     {0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
     {{0},
      {1. / 5},
      {3. / 40, 9. / 40},
      {44. / 45, -56. / 15, 32. / 9},
      {19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
      {9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
      {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84}},
     {35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0}},
    {"backward_euler", "implicit", 1, 1, {1}, {{1}}, {1}},
    {"implicit_midpoint", "trapezoid", 1, 2, {1. / 2}, {{1. / 2}}, {1}},
    {"gauss4",
     "gauss4",
     2,
     4,
     {1. / 2 - R3 / 6, 1. / 2 + R3 / 6},
     {{1. / 4, 1. / 4 - R3 / 6}, {1. / 4 + R3 / 6, 1. / 4}},
     {1. / 2, 1. / 2}},
    {"radau3", "radau3", 2, 3, {1. / 3, 1}, {{5. / 12, -1. / 12}, {3. / 4, 1. / 4}}, {3. / 4, 1. / 4}},
    {.name = NULL},
};

const char *efla_tableau_name(size_t i) {
  return i < sizeof efla_tableaux / sizeof *efla_tableaux ? efla_tableaux[i].name : NULL;
}

const efla_tableau *efla_tableau_find(const char *name) {
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    if (!strcmp(t->name, name)) return t;
  return NULL;
}

int efla_tableau_is_explicit(const efla_tableau *tableau) {
  for (int i = 0; i < tableau->stages; i++)
    for (int j = i; j < tableau->stages; j++)
      if (tableau->a[i][j] != 0) return 0;
  return 1;
}

double efla_tableau_phi(const efla_tableau *tableau, double x) {
  size_t s = (size_t)tableau->stages, order[EFLA_STAGES];
  double matrix[EFLA_STAGES * EFLA_STAGES], stages[EFLA_STAGES], phi = 0;
  for (size_t i = 0; i < s; i++) {
    stages[i] = 1;
    for (size_t j = 0; j < s; j++) matrix[i * s + j] = (i == j) + x * tableau->a[i][j];
  }
  gsl_matrix_view view = gsl_matrix_view_array(matrix, s, s);
  gsl_vector_view unknown = gsl_vector_view_array(stages, s);
  /* Pivots would mix the stages of an explicit tableau, whose sizes are powers of x. */
  if (efla_tableau_is_explicit(tableau)) {
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasUnit, &view.matrix, &unknown.vector);
  } else {
    gsl_permutation permutation = {s, order};
    int sign;
    gsl_linalg_LU_decomp(&view.matrix, &permutation, &sign);
    gsl_linalg_LU_svx(&view.matrix, &permutation, &unknown.vector);
  }
  for (size_t i = 0; i < s; i++) phi += tableau->b[i] * stages[i];
  return phi;
}

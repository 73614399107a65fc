/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stages.h"

#include <math.h>

/* Gauss and Jordan.  Row pivoting only where it can be needed: an explicit tableau is triangular with pivots 1, and
 * its stages grow as powers of x, which pivoting would mix. */
response respond(const efla_tableau *t, long double x) {
  int s = t->stages;
  long double M[EFLA_STAGES][2 * EFLA_STAGES] = {{0}};
  response r = {.phi = 0};
  for (int i = 0; i < s; i++)
    for (int j = 0; j < s; j++) M[i][j] = (i == j) + x * t->a[i][j], M[i][s + j] = i == j;
  for (int p = 0; p < s; p++) {
    int best = p;
    for (int i = p; i < s && !efla_tableau_is_explicit(t); i++) best = fabsl(M[i][p]) > fabsl(M[best][p]) ? i : best;
    for (int j = 0; j < 2 * s; j++) {
      long double swap = M[p][j];
      M[p][j] = M[best][j], M[best][j] = swap;
    }
    for (int j = 2 * s - 1; j >= p; j--) M[p][j] /= M[p][p];
    for (int i = 0; i < s; i++)
      for (int j = 2 * s - 1; j >= p; j--) M[i][j] -= i == p ? 0 : M[i][p] * M[p][j];
  }
  for (int i = 0; i < s; i++) {
    long double y = 0;
    for (int j = 0; j < s; j++) y += r.inverse[i][j] = M[i][s + j];
    r.y[i] = (double)fabsl(y), r.phi += t->b[i] * y;
  }
  return r;
}

long double respond_psi(const efla_tableau *t, const response *y, const response *z) {
  long double psi = 0;
  for (int i = 0; i < t->stages; i++)
    for (int j = 0; j < t->stages; j++)
      for (int m = 0; m < t->stages; m++) psi += t->b[i] * y->inverse[i][j] * z->inverse[j][m];
  return psi;
}

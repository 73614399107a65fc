/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The matrix ODE: Butcher tableaux against the theory of rooted trees, a step by stages against the coefficient
 * form. */
#include "stages.h"
#include "testing.h"

/* A rooted tree as it enters a tableau's order conditions (Hairer, Norsett, Wanner, II.2): sum_i b_i g_i = 1/density.
 */
typedef struct tree {
  int size;
  double density, below; /* gamma, and the product of gamma over the subtrees of the root */
  stages g, magnitude;   /* the same with |a_ij|: what rounding errors are relative to */
} tree;

enum { TREES = 256 };

/* The Butcher product: the root of the right tree becomes a child of the root of the left one.  All trees arise in this
 * way, some more than once, which does no harm. */
static tree graft(const efla_tableau *tableau, const tree *left, const tree *right) {
  tree both = {.size = left->size + right->size, .below = left->below * right->density};
  both.density = both.size * both.below;
  for (int i = 0; i < tableau->stages; i++) {
    double sum = 0, size = 0;
    for (int j = 0; j < tableau->stages; j++) {
      sum += tableau->a[i][j] * right->g[j];
      size += fabs(tableau->a[i][j]) * right->magnitude[j];
    }
    both.g[i] = left->g[i] * sum, both.magnitude[i] = left->magnitude[i] * size;
  }
  return both;
}

/* All trees up to `most` nodes, in order of size; 1, 1, 2, 5, 14, 42 of the sizes 1 ... 6. */
static size_t plant(const efla_tableau *tableau, int most, tree *trees) {
  size_t n = 1;
  trees[0] = (tree){.size = 1, .density = 1, .below = 1};
  for (int i = 0; i < EFLA_STAGES; i++) trees[0].g[i] = trees[0].magnitude[i] = 1;
  for (int size = 2; size <= most; size++)
    for (size_t i = 0, old = n; i < old; i++)
      for (size_t j = 0; j < old; j++)
        if (trees[i].size + trees[j].size == size) {
          ck_assert_uint_lt(n, TREES);
          trees[n++] = graft(tableau, trees + i, trees + j);
        }
  return n;
}

/* How far the condition is missed, in units of what rounding can do: every node brings a coefficient's rounding, s
 * products and s sums, b another s + 1 sums and one product. */
static double missed(const efla_tableau *tableau, const tree *t) {
  double sum = -1 / t->density, size = -sum;
  for (int i = 0; i < tableau->stages; i++) {
    sum += tableau->b[i] * t->g[i];
    size += fabs(tableau->b[i]) * t->magnitude[i];
  }
  return fabs(sum) / (size * (t->size * (2 + tableau->stages) + 2) * U);
}

/* Every condition up to the stated order holds, and the next order misses one by far. */
START_TEST(orders_follow_from_the_trees) {
  static tree trees[TREES];
  for (const efla_tableau *tableau = efla_tableaux; tableau->name; tableau++) {
    ck_assert_int_le(tableau->order, 5); /* more would need more TREES */
    size_t n = plant(tableau, tableau->order + 1, trees);
    double next = 0;
    for (size_t i = 0; i < n; i++) {
      if (trees[i].size <= tableau->order)
        CHECK_BOUND(missed(tableau, trees + i), 1);
      else
        next = fmax(next, missed(tableau, trees + i));
    }
    ck_assert_msg(next > 1e6, "%s has at least order %d, stated %d", tableau->name, tableau->order + 1, tableau->order);
  }
}
END_TEST

/* Row sums of s rounded coefficients: (s + 1)u of their absolute sum, and u for c. */
START_TEST(tableaux_are_consistent) {
  size_t n = 0;
  for (const efla_tableau *t = efla_tableaux; t->name; t++, n++) {
    ck_assert_ptr_eq(efla_tableau_find(t->name), t);
    ck_assert_str_eq(efla_tableau_name(n), t->name);
    ck_assert(t->stages >= 1 && t->stages <= EFLA_STAGES);
    ck_assert(!t->method || efla_method_find(t->method));
    if (t->method) ck_assert_int_eq(efla_method_find(t->method)->order, t->order);
    int explicit = 1;
    for (int i = 0; i < EFLA_STAGES; i++) {
      double sum = -t->c[i], size = fabs(t->c[i]);
      for (int j = 0; j < EFLA_STAGES; j++) {
        sum += t->a[i][j], size += fabs(t->a[i][j]);
        if (t->a[i][j] != 0) ck_assert(i < t->stages && j < t->stages);
        if (t->a[i][j] != 0 && j >= i) explicit = 0;
      }
      ck_assert(i < t->stages || (t->b[i] == 0 && t->c[i] == 0));
      CHECK_BOUND(fabs(sum), (t->stages + 2) * U * size);
    }
    ck_assert_int_eq(efla_tableau_is_explicit(t), explicit);
  }
  ck_assert_ptr_null(efla_tableau_name(n));
  ck_assert_ptr_null(efla_tableau_find("no such tableau"));
}
END_TEST

/* sum_i |b_i| sum_j |inverse_ij| e_j: what errors e in the stages do to the result. */
static double propagate(const efla_tableau *t, const response *r, const double *e) {
  double sum = 0;
  for (int i = 0; i < t->stages; i++)
    for (int j = 0; j < t->stages; j++) sum += fabs(t->b[i]) * (double)fabsl(r->inverse[i][j]) * e[j];
  return sum;
}

/* Error of phi by LU: backward errors of 3 s u in each row, 2u for forming 1 + x a and u for a itself, each relative to
 * (I + x|A|) y; then the sum over b: s + 1 roundings and b's own. */
static double phi_bound(const efla_tableau *t, const response *r, double x) {
  stages e = {0};
  double sum = 0;
  for (int i = 0; i < t->stages; i++) {
    e[i] = r->y[i];
    for (int j = 0; j < t->stages; j++) e[i] += x * fabs(t->a[i][j]) * r->y[j];
    sum += fabs(t->b[i]) * r->y[i];
  }
  return U * ((3 * t->stages + 3) * propagate(t, r, e) + (t->stages + 2) * sum);
}

/* The tableau's phi is its definition and the coefficient of the method it names (8u for that one). */
START_TEST(phi_is_the_coefficient_of_the_named_method) {
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    for (double x = 1e-9; x < 1e4; x *= 1.5) {
      response r = respond(t, x);
      double bound = phi_bound(t, &r, x), phi = efla_tableau_phi(t, x);
      CHECK_BOUND((double)fabsl(phi - r.phi), bound);
      if (t->method) CHECK_BOUND(fabs(phi - efla_phi(efla_method_find(t->method), x)), bound + 8 * U * fabs(phi));
    }
}
END_TEST

/* dopri5 has the stability function 1 + z + ... + z^5/120 + z^6/600 (Hairer and Wanner, IV.2). */
START_TEST(phi_of_dopri5) {
  const efla_tableau *t = efla_tableau_find("dopri5");
  for (long double x = 1e-9L; x < 1e4L; x *= 1.5L) {
    response r = respond(t, (double)x);
    long double z = -(double)x, phi = 1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 5))));
    CHECK_BOUND((double)fabsl(efla_tableau_phi(t, (double)x) - phi), phi_bound(t, &r, (double)x));
  }
}
END_TEST

static double frobenius(size_t n, const double *x) { return sqrt(efla_lambda(n, x)); }

/* Rounding errors of one explicit step, to first order.  Stage i holds W_i = S + h sum a_ij K_j, of a norm at most w_i,
 * with errors of (s+3)u w_i (the sums, two products, and K_j's own rounding); y_i = v - W_i^T k adds (d+1)u(|v| + |k|
 * w_i).  Together e_i = (d+s+4)u (|v| + |k| w_i).  They travel through the stages by (I + x A)^-1 and come out times
 * h|k||b_i|; the last sum adds (s+3)u of its terms.  For x << 1 that is (d + s + 4)u x and (s+3)u of the state. */
static double explicit_bound(const efla_tableau *t, const response *r, size_t dk, double h, double k, double v,
                             double S, double y0) {
  stages e = {0};
  double sum = S;
  for (int i = 0; i < t->stages; i++) {
    double w = S;
    for (int j = 0; j < t->stages; j++) w += h * k * fabs(t->a[i][j]) * r->y[j] * y0;
    e[i] = ((double)dk + t->stages + 4) * (v + k * w);
    sum += h * k * fabs(t->b[i]) * r->y[i] * y0;
  }
  return U * (h * k * propagate(t, r, e) + (t->stages + 3) * sum);
}

/* The same for a solve of all stages by LU in n = s d unknowns: 3n u for the factors and 3u for the entries, relative
 * to |M^-1||M||K| with |M| <= 1 + x|A| and |M^-1| <= 1 + |(I + x A)^-1|; the right-hand sides carry (d+3)u. */
static double implicit_bound(const efla_tableau *t, const response *r, size_t dk, double h, double k, double v,
                             double S, double y0) {
  double A = 0, inverse = 0, b = 0, y = 0, sum = S, s = t->stages, n = s * (double)dk;
  for (int i = 0; i < t->stages; i++) {
    for (int j = 0; j < t->stages; j++)
      A = hypot(A, t->a[i][j]), inverse = hypot(inverse, (double)fabsl(r->inverse[i][j]));
    b = hypot(b, t->b[i]), y = hypot(y, r->y[i]);
    sum += h * k * fabs(t->b[i]) * r->y[i] * y0;
  }
  double solve = (3 * n + 3) * (1 + h * k * k * A) * k * y * y0, right = sqrt(s) * ((double)dk + 3) * k * (v + k * S);
  return U * (h * b * (1 + inverse) * (solve + right) + (s + 3) * sum);
}

/* One step of the tableau from a state of size one against S + a k (v - S^T k)^T in long double. */
static void check_step(const efla_tableau *t, double x, size_t dk, size_t dv) {
  enum { MOST = 65 };
  efla_tokens one = testing_tokens("gaussian", 1.3, 1, dk, dv);
  static double S[MOST * MOST];
  static long double truth[MOST * MOST], k[MOST], v[MOST];
  size_t state = dk * dv;
  double *scratch = testing_poison(efla_ode_scratch(t, dk, dv)), y0 = 0;
  long double lambda = 0;
  for (size_t i = 0; i < dk; i++) k[i] = one.k[i], lambda += k[i] * k[i];
  for (size_t j = 0; j < dv; j++) v[j] = one.v[j];
  for (size_t e = 0; e < state; e++) truth[e] = S[e] = sin(3. * (double)e + 1) / sqrt((double)state);
  for (size_t j = 0; j < dv; j++) {
    double y = one.v[j];
    for (size_t i = 0; i < dk; i++) y -= one.k[i] * S[i * dv + j];
    y0 = hypot(y0, y);
  }
  double h = x / (double)lambda, norm_k = sqrt((double)lambda), norm_v = frobenius(dv, one.v),
         norm_S = frobenius(state, S);
  response r = respond(t, h * lambda);
  long double a = h * r.phi;
  efla_zero_order_hold hold = {dk, dv, one.k, one.v, NULL};
  efla_signal signal = efla_signal_hold(&hold);
  double bound =
      (efla_tableau_is_explicit(t) ? explicit_bound : implicit_bound)(t, &r, dk, h, norm_k, norm_v, norm_S, y0);
  efla_recurrence_long(1, dk, dv, NULL, k, v, &(efla_coefficients_long){1, a, a}, truth, NULL);
  ck_assert_int_eq(efla_ode_advance(t, &signal, 0.3, h, 1, S, scratch), EFLA_OK);
  CHECK_BOUND(efla_distance(state, S, truth), bound);
  /* docs/bounds.md#stages as it stands, where stages are no larger than the step. */
  if (x <= 1)
    CHECK_BOUND(efla_distance(state, S, truth), ((double)dk + 8) * U * (norm_S + fabs((double)a) * norm_k * norm_v));
  free(scratch);
  efla_tokens_clear(&one);
}

START_TEST(steps_by_stages_equal_the_coefficient_form) {
  static const size_t dk[] = {1, 3, 16, 33, 65}, dv[] = {3, 65, 1, 16, 9};
  static const double x[] = {1e-12, 1e-3, 0.1, 1, 2.7, 10, 300, 1e4};
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    for (size_t n = 0; n < 5; n++)
      for (size_t i = 0; i < sizeof x / sizeof *x; i++) check_step(t, x[i], dk[n], dv[n]);
}
END_TEST

/* One step of the tableau with a decay y: d = R(-y), e = rho psi(y, z), w = b phi(z), from phi in long double; rates as
 * those of `retention`, where rho and b differ.  docs/bounds.md#stages for z <= 1, where stages are no larger than the
 * step, with two roundings more in each slope's entry; psi as a quotient errs by 4 units of long double over x. */
static void check_decay(const efla_tableau *t, double y, double x, size_t dk, size_t dv) {
  enum { MOST = 33 };
  efla_tokens one = testing_tokens("gaussian", 1.3, 1, dk, dv);
  static double S[MOST * MOST];
  static long double truth[MOST * MOST], k[MOST], v[MOST];
  size_t state = dk * dv;
  double *scratch = testing_poison(efla_ode_scratch(t, dk, dv));
  long double lambda = 0;
  for (size_t i = 0; i < dk; i++) k[i] = one.k[i], lambda += k[i] * k[i];
  for (size_t j = 0; j < dv; j++) v[j] = one.v[j];
  for (size_t e = 0; e < state; e++) truth[e] = S[e] = sin(3. * (double)e + 1) / sqrt((double)state);
  efla_zero_order_hold hold = {dk, dv, one.k, one.v, NULL};
  efla_signal signal = efla_signal_hold(&hold);
  signal.decay = y, signal.erase = x / (double)lambda, signal.write = 0.7;
  const long double step = signal.erase * lambda, z = y + step, R_y = 1 - y * respond(t, y).phi,
                    R_z = 1 - z * respond(t, z).phi;
  const efla_coefficients_long c = {R_y, signal.erase * (R_y - R_z) / step, signal.write * respond(t, z).phi};
  double size = frobenius(state, S) + fabs((double)c.write) * sqrt((double)lambda) * frobenius(dv, one.v);
  efla_recurrence_long(1, dk, dv, NULL, k, v, &c, truth, NULL);
  ck_assert_int_eq(efla_ode_advance(t, &signal, 0.3, 1, 1, S, scratch), EFLA_OK);
  CHECK_BOUND(efla_distance(state, S, truth), (((double)dk + 10) * U + 4 * (double)LDBL_EPSILON / x) * size);
  free(scratch);
  efla_tokens_clear(&one);
}

START_TEST(steps_with_decay_equal_the_coefficient_form) {
  static const size_t dk[] = {1, 3, 16, 33}, dv[] = {3, 33, 1, 16};
  static const double y[] = {0, 1e-3, 0.1, 0.5}, x[] = {1e-3, 0.1, 0.5};
  for (const efla_tableau *t = efla_tableaux; t->name; t++)
    for (size_t n = 0; n < 4; n++)
      for (size_t i = 0; i < 12; i++) check_decay(t, y[i / 3], x[i % 3], dk[n], dv[n]);
}
END_TEST

int main(void) {
  const TTest *const tests[] = {orders_follow_from_the_trees,
                                tableaux_are_consistent,
                                phi_is_the_coefficient_of_the_named_method,
                                phi_of_dopri5,
                                steps_by_stages_equal_the_coefficient_form,
                                steps_with_decay_equal_the_coefficient_form};
  return testing_main("ode", tests, sizeof tests / sizeof *tests, 60);
}

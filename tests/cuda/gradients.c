/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The derivatives of the backend cuda in 16-bit types, chunkwise and token by token, against the definition in f64,
 * within the bound of docs/bounds.md#chunks-16.  Needs a device: without one it says so and succeeds. */
#include "problem.h"

enum { BY_Q, BY_K, BY_V, BY_BETA, BY_G, BY_INITIAL, ARRAYS };
static const char *const names[ARRAYS] = {"dq", "dk", "dv", "dbeta", "dg", "dinitial"};

/* ---- the exact derivatives ---- */

typedef struct arrays {
  efla_array in[ARRAYS], d_o, d_final, d[ARRAYS];
} arrays;

static double *wide(const both *x, size_t n, efla_array *to) {
  double *all = malloc(n * sizeof *all);
  for (size_t i = 0; i < n; i++) all[i] = problem_get(x->host.type, x->host.data, i);
  *to = x->host, to->type = EFLA_F64, to->data = all;
  return all;
}

static efla_array room(const efla_array *like, size_t n) {
  efla_array to = *like;
  to.data = calloc(n, sizeof(double));
  return to;
}

static size_t numbers(const both *x) { return (x->bytes / efla_type_size(x->host.type)) - 1; }

static void place(efla_sequence *x, efla_gradient *dx, arrays *all, const problem *p) {
  x->q = all->in[BY_Q], x->k = all->in[BY_K], x->v = all->in[BY_V], x->beta = all->in[BY_BETA];
  dx->q = all->d[BY_Q], dx->k = all->d[BY_K], dx->v = all->d[BY_V], dx->beta = all->d[BY_BETA],
  dx->initial_state = all->d[BY_INITIAL];
  if (x->g.data) x->g = all->in[BY_G], dx->g = all->d[BY_G];
  if (p->c->initial) x->initial_state = all->in[BY_INITIAL];
}

/* The reference's, from the same numbers in f64; d_o is in o and d_final in final. */
static arrays solve(const problem *p) {
  arrays all;
  const both *in[ARRAYS] = {&p->q, &p->k, &p->v, &p->beta, &p->g, &p->initial};
  for (int i = 0; i < ARRAYS; i++) {
    wide(in[i], numbers(in[i]), &all.in[i]);
    all.d[i] = room(&all.in[i], numbers(in[i]));
  }
  wide(&p->o, numbers(&p->o), &all.d_o), wide(&p->final, numbers(&p->final), &all.d_final);
  efla_sequence x = problem_sequence(p);
  efla_gradient dx = {.q = {.data = NULL}};
  const efla_result dy = {.o = all.d_o, .final_state = all.d_final};
  place(&x, &dx, &all, p);
  efla_backend *b;
  problem_check(!efla_backend_open("reference", NULL, &b), NULL, "reference");
  problem_check(!efla_backward(b, &p->rule, &x, &dy, &dx), b, "reference");
  efla_backend_close(b);
  return all;
}

static void clear(arrays *all) {
  for (int i = 0; i < ARRAYS; i++) free(all->in[i].data), free(all->d[i].data);
  free(all->d_o.data), free(all->d_final.data);
}

/* ---- the bound ---- */

static double norm(size_t n, const double *x) {
  double s = 0;
  for (size_t i = 0; i < n; i++) s += x[i] * x[i];
  return sqrt(s);
}

static const double *row(const efla_array *a, size_t b, size_t h, size_t t) {
  return (const double *)a->data + problem_at(a, b, h, t);
}

/* Sizes of one token, and of its chunk. */
typedef struct token {
  double q, raw, k, v, d_o, d, e, w, contraction, M, N, size, start_S, start_G, S, G, S_error, G_error;
  efla_coefficient_slopes slopes;
} token;

static token size_token(const problem *p, const arrays *x, size_t b, size_t h, size_t t) {
  const size_t dk = p->c->dk, dv = p->c->dv;
  double *k = malloc(dk * sizeof *k);
  memcpy(k, row(&x->in[BY_K], b, h, t), dk * sizeof *k);
  token s = {.q = norm(dk, row(&x->in[BY_Q], b, h, t)),
             .raw = norm(dk, k),
             .v = norm(dv, row(&x->in[BY_V], b, h, t)),
             .d_o = p->rule.scale * norm(dv, row(&x->d_o, b, h, t))};
  const double beta = *row(&x->in[BY_BETA], b, h, t), g = p->rule.decay->gated ? *row(&x->in[BY_G], b, h, t) : 0;
  p->rule.keys->apply(dk, k);
  s.k = norm(dk, k);
  efla_coefficients c;
  efla_rule_coefficients(&p->rule, s.k * s.k, beta, g, &c);
  efla_rule_slopes(&p->rule, s.k * s.k, beta, g, &s.slopes);
  s.d = fabs(c.decay), s.e = fabs(c.erase), s.w = fabs(c.write);
  s.contraction = fmax(s.d, fabs(c.decay - c.erase * s.k * s.k));
  free(k);
  return s;
}

/* S <- d S + k (w v - e S^T k)^T forward, or G <- G + q do^T, d G - e k (G^T k)^T in reverse. */
static void step(const problem *p, const arrays *x, size_t b, size_t h, size_t t, bool back, double *S) {
  const size_t dk = p->c->dk, dv = p->c->dv;
  double *k = malloc((dk + dv) * sizeof *k), *u = k + dk;
  memcpy(k, row(&x->in[BY_K], b, h, t), dk * sizeof *k);
  p->rule.keys->apply(dk, k);
  const double size = norm(dk, k), *q = row(&x->in[BY_Q], b, h, t), *v = row(back ? &x->d_o : &x->in[BY_V], b, h, t);
  efla_coefficients c;
  efla_rule_coefficients(&p->rule, size * size, *row(&x->in[BY_BETA], b, h, t),
                         p->rule.decay->gated ? *row(&x->in[BY_G], b, h, t) : 0, &c);
  for (size_t i = 0; i < dk && back; i++)
    for (size_t j = 0; j < dv; j++) S[i * dv + j] += p->rule.scale * q[i] * v[j];
  for (size_t j = 0; j < dv; j++) {
    double s = 0;
    for (size_t i = 0; i < dk; i++) s += k[i] * S[i * dv + j];
    u[j] = (back ? 0 : c.write * v[j]) - c.erase * s;
  }
  for (size_t i = 0; i < dk; i++)
    for (size_t j = 0; j < dv; j++) S[i * dv + j] = c.decay * S[i * dv + j] + k[i] * u[j];
  free(k);
}

/* WHOLE: of an array's norm, in units of the roundoff: as seen, not derived. */
enum { ROUNDINGS = 8, WHOLE = 16 };

static double unit_and_slack(const problem *p) {
  return problem_unit(p->c->type) + 0x1p-24 * (double)(p->c->dk + CHUNK);
}

/* The sizes of u and of dR with what a chunk's solves add, and the errors of S and G at its ends. */
static void size_chunk(const problem *p, token *s, size_t n, double *S_error, double *G_error, bool back) {
  const double u = unit_and_slack(p);
  double weights = 0, local = 0, kept = 1;
  for (size_t i = 0; i < n; i++) {
    token *t = &s[back ? n - 1 - i : i];
    const double right = back ? t->N : t->w * t->v + t->e * t->k * t->start_S;
    const double all = right + (back ? t->k * weights : t->e * t->k * weights);
    weights += (back ? t->e * t->k : t->k) * right;
    if (back)
      t->N = all, local += t->e * t->k * 6 * u * all + 2 * u * t->q * t->d_o;
    else
      t->M = all, local += t->k * 6 * u * all;
    kept *= t->contraction;
  }
  double *error = back ? G_error : S_error;
  for (size_t i = 0; i < n; i++) *(back ? &s[i].G_error : &s[i].S_error) = *error + local;
  *error = *error * fmin(kept, 1) + local;
}

/* Sizes of all tokens of one head of one sequence: the chunk's S and G with all that is added to them. */
static double size_head(const problem *p, const arrays *x, size_t b, size_t h, size_t state, size_t begin, size_t n,
                        token *s) {
  const size_t dk = p->c->dk, dv = p->c->dv;
  double *S = calloc(dk * dv, sizeof *S), S_error = 0, G_error = 0, start = 0;
  for (size_t i = 0; i < dk && p->c->initial; i++)
    memcpy(S + i * dv, row(&x->in[BY_INITIAL], state, h, i), dv * sizeof *S);
  for (size_t t = 0; t < n; t++) {
    if (t % CHUNK == 0) start = norm(dk * dv, S);
    s[t] = size_token(p, x, b, h, begin + t), s[t].start_S = start;
    step(p, x, b, h, begin + t, false, S);
  }
  for (size_t t = 0; t < n; t += CHUNK) size_chunk(p, s + t, n - t < CHUNK ? n - t : CHUNK, &S_error, NULL, false);
  for (size_t i = 0; i < dk; i++) memcpy(S + i * dv, row(&x->d_final, state, h, i), dv * sizeof *S);
  for (size_t t = (n + CHUNK - 1) / CHUNK * CHUNK; t > 0; t -= CHUNK) {
    const size_t first = t - CHUNK, end = n < t ? n : t;
    const double G = norm(dk * dv, S);
    double sum = 0, later = 0;
    for (size_t i = first; i < end; i++) sum += s[i].k * s[i].M;
    for (size_t i = end; i-- > first;) {
      later += s[i].q * s[i].d_o;
      s[i].S = s[i].start_S + sum, s[i].start_G = G, s[i].N = s[i].k * (G + later);
      step(p, x, b, h, begin + i, true, S);
    }
    size_chunk(p, s + first, end - first, NULL, &G_error, true);
    double total = G + later;
    for (size_t i = first; i < end; i++) total += s[i].e * s[i].k * s[i].N;
    for (size_t i = first; i < end; i++) s[i].G = total;
  }
  free(S);
  return G_error;
}

/* The worst of error over bound, and of the arrays as a whole the sums of squares of errors and of numbers. */
typedef struct judge {
  double worst[ARRAYS], error[ARRAYS], size[ARRAYS];
} judge;

static void compare(judge *j, int which, const both *found, const double *expected, size_t first, size_t n,
                    double bound, double u) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const double x = problem_get(found->host.type, found->host.data, first + i), y = expected[first + i];
    sum += x == y ? 0 : (x - y) * (x - y); /* both may be infinite */
  }
  const double size = norm(n, expected + first);
  j->error[which] += sum, j->size[which] += size * size;
  const double ratio = sum == 0 ? 0 : sqrt(sum) / (bound + u * size + 1e-300);
  if (!(ratio <= j->worst[which]) && !isnan(j->worst[which])) j->worst[which] = ratio; /* nan stays */
}

/* The errors of one token's rows: docs/bounds.md#chunks-16.  Of dg: what its chunk's later tokens add. */
static void bound_token(const problem *p, const token *s, double *later, double bound[ARRAYS]) {
  const double u = unit_and_slack(p), S = s->S_error + ROUNDINGS * u * s->S, G = s->G_error + ROUNDINGS * u * s->G;
  const double by_e = s->k * s->S * s->k * G + s->k * S * s->N, by_w = s->v * s->k * G + s->v * ROUNDINGS * u * s->N;
  const double u_error = ROUNDINGS * u * s->M + s->e * s->k * S;
  const double by_lambda = fabs(s->slopes.by_lambda.erase) * by_e + fabs(s->slopes.by_lambda.write) * by_w;
  const double y = s->e * (s->k * G * s->S + s->N * S), z = s->M * G + s->G * u_error;
  const bool unit = p->rule.keys->unit;
  bound[BY_Q] = s->d_o * S;
  bound[BY_K] = (y + z + 2 * s->k * by_lambda) * (unit ? 2 / (s->raw + 1e-300) : 1);
  bound[BY_V] = s->w * (s->k * G + ROUNDINGS * u * s->N);
  bound[BY_BETA] = fabs(s->slopes.by_beta.erase) * by_e + fabs(s->slopes.by_beta.write) * by_w;
  *later += s->q * bound[BY_Q] + s->k * z + s->e * by_e;
  bound[BY_G] = *later + s->S * G + s->G * S + fabs(s->slopes.by_g.erase) * by_e + fabs(s->slopes.by_g.write) * by_w;
}

static void judge_all(const problem *p, const arrays *exact, const both *found, judge *j) {
  const device_case *c = p->c;
  const double u = problem_unit(c->type);
  const size_t T = c->tokens, repeat = c->repeat;
  double *k_bounds = calloc(c->batch * T * c->heads, sizeof *k_bounds);
  token *s = malloc(T * sizeof *s);
  for (size_t state = 0; state < p->states; state++)
    for (size_t h = 0; h < c->heads; h++) {
      const size_t b = c->packed ? 0 : state, begin = c->packed ? p->cu[state] : 0,
                   n = c->packed ? p->cu[state + 1] - begin : T;
      const double start_error = size_head(p, exact, b, h, state, begin, n, s);
      double later = 0;
      for (size_t t = n; t-- > 0;) {
        double bound[ARRAYS];
        if (t % CHUNK == CHUNK - 1) later = 0;
        bound_token(p, &s[t], &later, bound);
        k_bounds[(b * T + begin + t) * c->heads + h / repeat] += bound[BY_K];
        const size_t width[ARRAYS] = {c->dk, 0, c->dv, 1, p->rule.decay->gated ? 1 : 0, 0};
        for (int i = 0; i < ARRAYS; i++)
          if (width[i])
            compare(j, i, &found[i], exact->d[i].data, problem_at(&exact->d[i], b, h, begin + t), width[i], bound[i],
                    u);
      }
      for (size_t i = 0; i < c->dk; i++)
        compare(j, BY_INITIAL, &found[BY_INITIAL], exact->d[BY_INITIAL].data,
                problem_at(&exact->d[BY_INITIAL], state, h, i), c->dv,
                start_error + unit_and_slack(p) * (n > 0 ? s[0].G : 1), u);
    }
  for (size_t b = 0; b < c->batch; b++)
    for (size_t t = 0; t < T; t++)
      for (size_t h = 0; h < c->heads; h += repeat)
        compare(j, BY_K, &found[BY_K], exact->d[BY_K].data, problem_at(&exact->d[BY_K], b, h, t), c->dk,
                k_bounds[(b * T + t) * c->heads + h / repeat], u);
  free(k_bounds), free(s);
}

/* ---- cases ---- */

static int run(efla_backend *b, const device_case *c) {
  problem p = problem_pose(b, c);
  problem_fill(&p.o, c->batch, c->heads, c->tokens, c->dv, 0, 1, false);
  problem_fill(&p.final, p.states, c->heads, c->dk, c->dv, 0, 1, false);
  problem_send(b, &p.o), problem_send(b, &p.final);
  both *in[ARRAYS] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial}, found[ARRAYS];
  arrays exact = solve(&p), device;
  for (int i = 0; i < ARRAYS; i++) {
    found[i] = *in[i];
    found[i].host.data = malloc(in[i]->bytes), found[i].device.data = efla_backend_alloc(b, in[i]->bytes);
    memset(found[i].host.data, 0xff, in[i]->bytes);
    problem_send(b, &found[i]);
    device.in[i] = in[i]->device, device.d[i] = found[i].device;
  }
  efla_sequence x = problem_sequence(&p);
  efla_gradient dx = {.q = {.data = NULL}};
  const efla_result dy = {.o = p.o.device, .final_state = p.final.device};
  place(&x, &dx, &device, &p);
  problem_check(!efla_backward(b, &p.rule, &x, &dy, &dx), b, "backward");
  for (int i = 0; i < ARRAYS; i++)
    problem_check(!efla_backend_copy(b, found[i].host.data, found[i].device.data, found[i].bytes), b, "copy");
  judge j = {.worst = {0}};
  judge_all(&p, &exact, found, &j);
  bool right = true;
  printf("%-8s %-9s %-4s %-4s (%zu,%zu,%zu/%zu,%zu,%zu) gap %zu norm %g%s%s:", c->method, c->decay, c->keys,
         efla_type_name(c->type), c->batch, c->tokens, c->heads, c->repeat, c->dk, c->dv, c->gap, c->norm,
         c->packed ? " packed" : "", c->initial ? " initial" : "");
  for (int i = 0; i < ARRAYS; i++) {
    const double whole = sqrt(j.error[i] / (j.size[i] + 1e-300)) / problem_unit(c->type);
    printf(" %s %.2g %.2g", names[i], j.worst[i], whole);
    right &= j.worst[i] <= 1 && whole <= WHOLE;
  }
  puts(right ? "" : "  WRONG");
  for (int i = 0; i < ARRAYS; i++) problem_clear(b, in[i]), problem_clear(b, &found[i]);
  problem_clear(b, &p.o), problem_clear(b, &p.final);
  clear(&exact);
  return right ? 0 : 1;
}

int main(void) {
  static const char *const methods[] = {"exact", "euler", "implicit", "gauss4"};
  static const char *const decays[] = {"none", "split", "joint", "retention", "strang"};
  efla_backend *b;
  const efla_status status = efla_backend_open("cuda", NULL, &b);
  if (status) {
    printf("skipped: %s\n", efla_last_message(NULL));
    return status == EFLA_UNSUPPORTED ? 0 : 1;
  }
  int wrong = 0;
  const size_t dims[] = {64, 128, 128, 72}, lengths[] = {64, 1, 130, 333};
  for (size_t i = 0; i < 40; i++) {
    const device_case c = {methods[i % 4],
                           decays[i % 5],
                           i % 7 == 3 ? "unit" : "raw",
                           i % 3 == 2 ? EFLA_F16 : EFLA_BF16,
                           i % 6 == 5 ? 1 : 1 + i % 2,
                           2,
                           i % 2 + 1,
                           lengths[i / 2 % 4],
                           dims[i / 3 % 4],
                           dims[i / 3 % 4],
                           i % 5 == 4 ? 8 : 0,
                           i % 4 == 1   ? .9
                           : i % 8 == 0 ? 7.5
                                        : 1.2,
                           i % 6 == 5,
                           i % 3 != 0,
                           i % 2 == 0};
    wrong += run(b, &c);
  }
  efla_backend_close(b);
  printf("%d wrong\n", wrong);
  return wrong > 0;
}

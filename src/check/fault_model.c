/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check/fault_model.h"

#include "efla/reference/recurrence.h"
#include "ode/channel_exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

efla_fault_model efla_fault_model_right(const efla_kernel_spec *spec) {
  const efla_key_treatment *keys = spec->rule.keys;
  return (efla_fault_model){.rule = spec->rule,
                            .coefficient_keys = keys,
                            .write_keys = keys,
                            .erase_keys = keys,
                            .queries = &efla_key_treatments[0],
                            .scale = spec->scale};
}

/* One token as the model reads it, and the work space of a lane. */
typedef struct work {
  const efla_fault_model *model;
  const efla_kernel_spec *spec;
  const efla_lane *lane;
  const efla_lane *turned, *first; /* lanes of other heads that are read from */
  size_t t;
  double *q, *k, *v, *p, *before, *after, *key, *erase, *lambda, *kept; /* kept (dk, dv) */
  double beta, g;
} work;

size_t efla_fault_scratch(const efla_evidence *e) {
  const efla_tensors *in = e->in;
  return 8 * in->dk + in->dv + 2 * in->dk * in->dv;
}

static void scale_by(size_t n, double *values, double factor) {
  for (size_t i = 0; i < n; i++) values[i] *= factor;
}

static void round_to(const efla_format *format, size_t n, double *values) {
  for (size_t i = 0; i < n && format; i++) values[i] = efla_format_round(format, values[i]);
}

static void transpose(size_t n, const double *from, double *to) {
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) to[i * n + j] = from[j * n + i];
}

static const double *row_of(const efla_lane *lane, efla_fault_array array, size_t width, size_t t) {
  const efla_tokens *x = &lane->x;
  const double *const of[] = {x->q, x->k, x->v, x->beta, x->g, x->p};
  return of[array] + t * width;
}

/* Row t of an array as the model reads it; false outside the sequence, where it is zero. */
static void read_row(const work *w, efla_fault_array array, size_t width, double *to) {
  const efla_fault_reading *how = &w->model->reads[array];
  const efla_lane *from = how->turned ? w->turned : how->first ? w->first : w->lane;
  const bool stale =
      array == EFLA_OF_V && w->model->at_chunks == EFLA_CHUNK_STALE_VALUE && w->t % w->model->chunk == 0 && w->t > 0;
  const ptrdiff_t t = (ptrdiff_t)w->t + how->shift - stale;
  memset(to, 0, width * sizeof *to);
  if (t < 0 || t >= (ptrdiff_t)from->x.tokens) return;
  memcpy(to, row_of(from, array, width, (size_t)t), width * sizeof *to);
  scale_by(width, to, 1 + how->times);
  round_to(how->format, width, to);
}

/* How a fault model decays the channels of a token. */
typedef enum channel_form {
  NO_CHANNELS, /* one decay or none, which the coefficients have */
  SPLIT,       /* decays before and after the update */
  FLOW         /* the exact flow */
} channel_form;

static bool starts_chunk(const work *w) { return w->model->chunk && w->t % w->model->chunk == 0; }

/* Decays of the channels before and after the update (dk), all 1 without channels; the flow's are all before. */
static channel_form channel_decays(work *w, bool gated) {
  const efla_fault_model *model = w->model;
  const efla_decay *decay = model->rule.decay;
  const size_t dk = w->lane->x.dk;
  const bool channels = gated && w->lane->x.g_per_channel, flow = channels && decay->share == 0;
  const double share = model->decay_after ? 0 : !channels || flow ? 1 : decay->share;
  double mean = 0;
  if (channels) read_row(w, EFLA_OF_G, dk, w->before);
  for (size_t i = 0; i < dk && channels; i++) mean += w->before[i] / (double)dk;
  for (size_t i = 0; i < dk; i++) {
    const double of_channel = !channels ? 0 : model->mean_decay ? mean : w->before[i];
    w->before[i] = exp(share * of_channel), w->after[i] = exp((1 - share) * of_channel);
  }
  return !channels ? NO_CHANNELS : flow && !model->decay_after ? FLOW : SPLIT;
}

/* The argument of the model's decay, which need not be the one that the file has. */
static double argument_of(const work *w, bool gated) {
  double g = 0;
  if (!gated || w->lane->x.g_per_channel) return 0;
  read_row(w, EFLA_OF_G, 1, &g);
  const bool has_alpha = !strcmp(w->spec->rule.decay->argument, "alpha"),
             wants = !strcmp(w->model->rule.decay->argument, "alpha");
  return has_alpha == wants ? g : has_alpha ? log(g) : exp(g);
}

static double beta_of(const work *w) {
  double beta;
  read_row(w, EFLA_OF_BETA, 1, &beta);
  switch (w->model->beta) {
  case EFLA_BETA_ONE:
    return 1;
  case EFLA_BETA_SIGMOID:
    return 1 / (1 + exp(-beta));
  case EFLA_BETA_SQUARED:
    return beta * beta;
  default:
    return beta;
  }
}

/* The coefficients of the update by a rule that is the model's, or without its decay; returns the decay that follows
 * it, 1 where it is in the update. */
static double coefficients(const work *w, const efla_rule *rule, double lambda, efla_coefficients *c) {
  const efla_fault_model *m = w->model;
  double epsilon = m->epsilon;
  efla_rule_coefficients(rule, lambda, w->beta, w->g, c);
  const double decay = c->decay;
  if (m->decay_after) efla_rule_coefficients(&(efla_rule){.method = rule->method}, lambda, w->beta, 0, c);
  if (epsilon > 0) {
    c->write = -expm1(-w->beta * fmax(lambda, epsilon)) / (lambda + epsilon);
    c->erase = c->decay * c->write;
  }
  if (m->weights == EFLA_WRITES_ONE) c->write = 1;
  if (m->weights == EFLA_ERASES_ONE) c->erase = c->decay;
  if (m->weights == EFLA_ERASES_UNDECAYED) c->erase /= c->decay;
  c->erase *= 1 + m->erase_times;
  return m->decay_after ? decay : 1;
}

static double dot(size_t n, const double *x, const double *y) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

/* Whether the token enters the state. */
static bool enters(const work *w) {
  const size_t chunk = w->model->chunk, t = w->t, n = w->lane->x.tokens;
  switch (w->model->at_chunks) {
  case EFLA_CHUNK_DROPS_FIRST:
    return t % chunk != 0;
  case EFLA_CHUNK_DROPS_LAST:
    return t % chunk != chunk - 1;
  case EFLA_CHUNK_DROPPED:
    return t < w->model->chunk_from || t >= w->model->chunk_from + chunk;
  case EFLA_CHUNK_TAIL:
    return t < n - n % chunk || !w->lane->whole;
  default:
    return true;
  }
}

static void read_out(const work *w, const double *S, double *o) {
  const size_t dk = w->lane->x.dk, dv = w->lane->x.dv;
  if (w->model->read != EFLA_READ_TRANSPOSED) {
    efla_readout_f64(dk, dv, w->q, S, o);
  } else {
    for (size_t i = 0; i < dk; i++) o[i] = dot(dv, S + i * dv, w->q);
  }
  scale_by(dv, o, w->model->scale);
}

/* S <- d S + k (w v - e S^T p)^T with rounded operands. */
static void step_rounded(work *w, const efla_coefficients *c, double *S) {
  const efla_format *format = w->model->products;
  const size_t dk = w->lane->x.dk, dv = w->lane->x.dv;
  double *seen = w->kept;
  memcpy(seen, S, dk * dv * sizeof *S);
  round_to(format, dk * dv, seen), round_to(format, dk, w->key), round_to(format, dk, w->erase);
  for (size_t j = 0; j < dv; j++) {
    double sum = 0;
    for (size_t i = 0; i < dk; i++) sum += w->erase[i] * seen[i * dv + j];
    const double u = efla_format_round(format, c->write * w->v[j] - c->erase * sum);
    for (size_t i = 0; i < dk; i++) S[i * dv + j] = c->decay * S[i * dv + j] + w->key[i] * u;
  }
}

/* S after the token, and in w->before the decays of its rows, according to the model. */
static void update(work *w, double *S) {
  const efla_fault_model *m = w->model;
  const size_t dk = w->lane->x.dk, dv = w->lane->x.dv;
  efla_rule rule = m->rule;
  if (m->at_chunks == EFLA_CHUNK_NO_DECAY && starts_chunk(w)) rule.decay = NULL;
  const bool gated = w->lane->x.g && rule.decay && rule.decay->gated, has_p = w->lane->x.p && !m->ignores_p;
  const channel_form form = channel_decays(w, gated);
  efla_coefficients c;
  w->g = argument_of(w, gated), w->beta = beta_of(w);
  const double lambda = dot(dk, has_p ? w->p : w->lambda, w->lambda) * (1 + m->lambda_times);
  const double later = coefficients(w, &rule, lambda, &c);
  const double *p = has_p ? w->p : m->write_keys == m->erase_keys ? NULL : w->erase;
  if (form == FLOW && enters(w)) {
    const efla_tokens one = {.tokens = 1, .dk = dk, .dv = dv, .k = w->key, .v = w->v, .beta = &w->beta};
    for (size_t i = 0; i < dk; i++) w->after[i] = -log(w->before[i]);
    if (efla_channel_exact_f64(&one, w->after, S, NULL) != EFLA_OK) S[0] = NAN;
    for (size_t i = 0; i < dk; i++) w->after[i] = 1;
  } else if (m->products && form == NO_CHANNELS && enters(w)) {
    step_rounded(w, &c, S);
  } else if (enters(w)) {
    efla_recurrence_step_f64(dk, dv, w->key, p, w->v, &c, form == SPLIT ? w->before : NULL,
                             form == SPLIT ? w->after : NULL, S);
  }
  for (size_t i = 0; i < dk; i++) w->before[i] *= w->after[i] * c.decay;
  for (size_t i = 0; i < dk && !enters(w); i++) scale_by(dv, S + i * dv, w->before[i]);
  if (later != 1) scale_by(dk * dv, S, later);
}

static void read_token(work *w) {
  const efla_fault_model *m = w->model;
  const size_t dk = w->lane->x.dk;
  const bool swapped = m->swapped;
  read_row(w, EFLA_OF_Q, dk, swapped ? w->k : w->q);
  read_row(w, EFLA_OF_K, dk, swapped ? w->q : w->k);
  read_row(w, EFLA_OF_V, w->lane->x.dv, w->v);
  if (w->lane->x.p) read_row(w, EFLA_OF_P, dk, w->p);
  double *const copies[] = {w->key, w->erase, w->lambda};
  for (size_t i = 0; i < 3; i++) memcpy(copies[i], w->k, dk * sizeof *w->k);
  m->write_keys->apply(dk, w->key);
  m->erase_keys->apply(dk, w->erase);
  m->coefficient_keys->apply(dk, w->lambda);
  m->queries->apply(dk, w->q);
  round_to(m->products, dk, w->q);
}

static void start_state(const work *w, const efla_lane *first, double *S) {
  const size_t dk = w->lane->x.dk, n = dk * w->lane->x.dv;
  const double *given = w->model->start == EFLA_START_FIRST ? first->start : w->lane->start;
  if (w->model->start == EFLA_START_CARRIED && w->lane != first) return;
  if (w->model->start == EFLA_START_ZERO || !given)
    memset(S, 0, n * sizeof *S);
  else if (w->model->start == EFLA_START_TRANSPOSED)
    transpose(dk, given, S);
  else
    memcpy(S, given, n * sizeof *S);
  scale_by(n, S, 1 + w->model->start_times);
}

/* The head that `turned` reads from: heads in groups that alternate for such that follow, or the other way. */
static size_t other_head(const efla_fault_model *m, size_t h, size_t heads) {
  const size_t each = m->groups ? heads / m->groups : 1;
  if (!m->groups) return h;
  return m->groups_follow ? h / each : h % m->groups * each;
}

/* The state at the start of the chunk, or at its end, is what o is read from. */
static void read_chunk_end(work *w, size_t from, size_t until, const double *S, double *o) {
  for (w->t = from; w->t < until; w->t++) read_token(w), read_out(w, S, o + w->t * w->lane->x.dv);
}

void efla_fault_model_run(const efla_fault_model *m, const efla_evidence *e, size_t i, double *o, double *S,
                          double *scratch) {
  const size_t dk = e->in->dk, dv = e->in->dv, head = i % e->heads, sequence = i / e->heads;
  const efla_lane *lane = &e->lane[i], *same_sequence = &e->lane[sequence * e->heads];
  work w = {.model = m, .spec = e->spec, .lane = lane, .first = same_sequence, .q = scratch};
  w.turned = same_sequence + other_head(m, head, e->heads);
  double **const rows[] = {&w.k, &w.p, &w.before, &w.after, &w.key, &w.erase, &w.lambda};
  for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) *rows[r] = scratch + (r + 1) * dk;
  w.v = scratch + 8 * dk, w.kept = w.v + dv;
  double *other = w.kept + dk * dv; /* a state that o is read from in place of S, or that is final */
  const bool reads_other = m->products || m->at_chunks == EFLA_CHUNK_READS_START || m->read == EFLA_READ_BEFORE;
  start_state(&w, &e->lane[head], S);
  for (size_t t = 0; t < lane->x.tokens; t++) {
    const bool tail =
        m->at_chunks == EFLA_CHUNK_TAIL_OF_STATE && lane->whole && t == lane->x.tokens / m->chunk * m->chunk;
    w.t = t;
    read_token(&w);
    if (m->at_chunks == EFLA_CHUNK_RESET && starts_chunk(&w) && t > 0) memset(S, 0, dk * dv * sizeof *S);
    if (tail || m->read == EFLA_READ_BEFORE || (m->at_chunks == EFLA_CHUNK_READS_START && starts_chunk(&w)))
      memcpy(other, S, dk * dv * sizeof *S);
    update(&w, S);
    if (m->state && (m->state_chunk == 0 || (t + 1) % m->state_chunk == 0)) round_to(m->state, dk * dv, S);
    if (m->products) memcpy(other, S, dk * dv * sizeof *S), round_to(m->products, dk * dv, other);
    for (size_t r = 0; r < dk && m->read == EFLA_READ_BEFORE && !m->undecayed; r++)
      scale_by(dv, other + r * dv, w.before[r]);
    read_out(&w, reads_other ? other : S, o + t * dv);
    if (m->at_chunks == EFLA_CHUNK_READS_END && ((t + 1) % m->chunk == 0 || t + 1 == lane->x.tokens))
      read_chunk_end(&w, t - t % m->chunk, t + 1, S, o);
  }
  if (m->at_chunks == EFLA_CHUNK_TAIL_OF_STATE && lane->whole && lane->x.tokens % m->chunk)
    memcpy(S, other, dk * dv * sizeof *S);
}

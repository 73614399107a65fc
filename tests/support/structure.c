/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "structure.h"

#include <math.h>

enum { PLACES = 200 };

/* The bytes that are left; after the last one come zeros. */
typedef struct draw {
  const uint8_t *bytes;
  size_t n;
  size_t places, chosen[2]; /* where there could have been a fault until now; where there are to be some */
  structure *s;
} draw;

static size_t pick(draw *d, size_t n) {
  if (d->n == 0) return 0;
  d->n--;
  return *d->bytes++ % n;
}

/* Whether this place for a fault, of about 200 in a description, is one of those chosen for this file. */
static bool fault(draw *d, const char *what) {
  size_t place = d->places++;
  if (place != d->chosen[0] && place != d->chosen[1]) return false;
  if (d->s->faults++ == 0) d->s->fault = what;
  return true;
}

/* One that is right, or, as a fault, one of those from `right` to `all`. */
static size_t choose(draw *d, size_t right, size_t all, const char *what) {
  size_t chosen = pick(d, right);
  return fault(d, what) ? right + pick(d, all - right) : chosen;
}

static bool is_float(structure_type type) { return type <= F64_BE; }

static void set(structure_dataset *d, size_t *axis, size_t size) { d->size[(*axis)++] = size; }

static void shape_of_tokens(const structure *s, structure_dataset *d, size_t heads, size_t width) {
  size_t axis = 0;
  if (s->rank == 4) set(d, &axis, s->batch);
  if (s->rank >= 3 && s->order == EFLA_BHTD) set(d, &axis, heads);
  set(d, &axis, s->tokens);
  if (s->rank >= 3 && s->order == EFLA_BTHD) set(d, &axis, heads);
  if (width) set(d, &axis, width);
  d->rank = axis;
}

static void shape_of_states(const structure *s, structure_dataset *d, bool in_full) {
  size_t axis = 0;
  if (in_full || s->rank == 4 || s->boundaries.present) set(d, &axis, s->sequences);
  if (in_full || s->rank >= 3) set(d, &axis, s->heads);
  set(d, &axis, s->dk);
  set(d, &axis, s->dv);
  d->rank = axis;
}

static bool is_state(efla_tensor t) { return efla_tensor_is_state(t); }

/* What a tensor is the derivative by, and itself where it is none. */
static char by(const structure_dataset *x) { return x->name[*x->name == 'd']; }

/* Faults in the shape.  No fault: the last size of v, which tells dv where nothing else does, and a state of one number
 * with an axis more or less, which can be the other way to store it; nor g without the axis of channels, nor beta with an
 * axis of 1; nor other heads of a derivative that some share. */
static void spoil_shape(draw *d, structure_dataset *x, efla_tensor tensor) {
  bool one = is_state(tensor) && structure_entries(x) == 1, g = by(x) == 'g', beta = by(x) == 'b';
  if (!one && fault(d, "an axis more")) x->size[x->rank++] = g ? d->s->dk + 1 : beta ? 2 : 1 + pick(d, 2);
  if (!one && !(tensor == EFLA_G && d->s->g_per_channel) && fault(d, "an axis less")) x->rank--;
  size_t axis = x->rank ? pick(d, x->rank) : 0;
  if (x->rank == 0) return;
  if (tensor == EFLA_V && axis + 1 == x->rank) axis = 0;
  const bool shared = tensor > EFLA_D_O && !is_state(tensor) && d->s->sharing[tensor] < d->s->heads;
  if (shared && axis + 1 < x->rank) axis = d->s->rank == 4 ? 0 : d->s->order == EFLA_BTHD ? 0 : 1;
  if (fault(d, "a size too large")) x->size[axis] += 1 + pick(d, 3);
  if (fault(d, "a size of 0")) x->size[axis] = 0;
  if (fault(d, "a huge size")) x->size[axis] = (hsize_t)1 << (24 + pick(d, 18)), x->written = NOTHING;
  if (fault(d, "a scalar")) x->rank = 0;
}

static void plan_storage(draw *d, structure_dataset *x) {
  x->layout = (structure_layout)pick(d, LAYOUTS);
  x->endless = pick(d, 2);
  x->fill = pick(d, 2);
  bool huge = structure_entries(x) > 1 << 12; /* by a fault */
  if (huge) x->written = NOTHING;
  if (huge && x->layout == COMPACT) x->layout = CONTIGUOUS;
  x->packing = (structure_packing)choose(d, PACKINGS_RIGHT, PACKINGS, "packing");
  if (x->packing >= PACKINGS_RIGHT) x->layout = CHUNKED;
  if (fault(d, "numbers that were never written")) {
    x->written = pick(d, 2) ? NOTHING : ALL_BUT_ONE_CHUNK;
    if (x->layout == COMPACT) x->layout = CONTIGUOUS;
    if (x->layout == CONTIGUOUS) x->written = NOTHING;
  }
  if (x->written == ALL_BUT_ONE_CHUNK && x->packing < PACKED_RAW) x->packing = RAW_PLAIN;
  if (x->rank == 0 && x->layout == CHUNKED) x->layout = CONTIGUOUS;
  for (size_t i = 0; i < x->rank; i++) {
    x->chunk[i] = 1 + pick(d, x->size[i] < 250 ? (size_t)x->size[i] + 3 : 250);
    if (!(x->endless && i == 0) && x->chunk[i] > x->size[i] && x->size[i] > 0) x->chunk[i] = x->size[i];
  }
}

static void plan_numbers(draw *d, structure_dataset *x, bool finite, double outside) {
  size_t entries = structure_entries(x), at = pick(d, 256);
  double bad = 0;
  if (finite && fault(d, "a nan"))
    bad = NAN;
  else if (finite && fault(d, "an infinity"))
    bad = pick(d, 2) ? INFINITY : -INFINITY;
  else if (outside != 0 && fault(d, "a number out of its range"))
    bad = outside;
  if (bad == 0 || entries == 0 || x->written != ALL) return;
  if (x->type < TYPES_RIGHT && !is_float(x->type)) x->type = F32;
  x->spoilt = bad, x->spoilt_at = at % entries;
}

bool structure_is_input(efla_tensor tensor) {
  return tensor < EFLA_O || tensor == EFLA_INITIAL_STATE || tensor == EFLA_D_O || tensor == EFLA_D_FINAL_STATE;
}

static void plan_dataset(draw *d, structure_dataset *x, efla_tensor tensor) {
  bool required = tensor <= EFLA_BETA;
  bool finite = structure_is_input(tensor);
  x->present = required || pick(d, 2);
  if (required && fault(d, "a dataset missing")) x->present = false;
  if (!x->present) return;
  x->kind = (structure_kind)choose(d, KINDS_RIGHT, KINDS, "no dataset");
  x->type = (structure_type)choose(d, TYPES_RIGHT, TYPES, "a type without numbers");
  spoil_shape(d, x, tensor);
  plan_storage(d, x);
  const double outside[EFLA_TENSORS] = {[EFLA_BETA] = -0.5, [EFLA_G] = 0.5, [EFLA_ALPHA] = 1.5};
  plan_numbers(d, x, finite, outside[tensor]);
}

/* Sizes from 1 on; B is 1 where sequences lie end to end. */
static void plan_sizes(draw *d) {
  structure *s = d->s;
  s->rank = 4 - pick(d, 3);
  s->order = pick(d, 2) ? EFLA_BHTD : EFLA_BTHD;
  s->boundaries.present = pick(d, 3) == 1;
  s->batch = s->rank == 4 && !s->boundaries.present ? 1 + pick(d, 3) : 1;
  s->tokens = 1 + pick(d, 12);
  s->heads = s->rank >= 3 ? 1 + pick(d, 4) : 1;
  s->dk = 1 + pick(d, 6), s->dv = 1 + pick(d, 6);
  s->g_per_channel = pick(d, 2);
  s->sequences = s->batch;
  if (fault(d, "a huge claim")) s->tokens = (size_t)1 << (20 + pick(d, 30));
}

/* Ascending boundaries, with a fault perhaps in one of them. */
static void plan_boundaries(draw *d) {
  structure *s = d->s;
  structure_dataset *x = &s->boundaries;
  if (!x->present) return;
  s->sequences = 1 + pick(d, 4);
  for (size_t i = 1; i < s->sequences; i++) {
    double step = (double)pick(d, s->tokens < 250 ? s->tokens + 1 : 250), next = s->boundary[i - 1] + step;
    s->boundary[i] = next > (double)s->tokens ? (double)s->tokens : next;
  }
  s->boundary[s->sequences] = (double)s->tokens;
  x->rank = 1, x->size[0] = s->sequences + 1, x->values = s->boundary;
  if (fault(d, "boundaries that do not begin at 0")) s->boundary[0] = pick(d, 2) ? 1 : -1;
  if (fault(d, "boundaries that do not end at T")) s->boundary[s->sequences] += pick(d, 2) ? 1 : -1;
  x->type = (structure_type)choose(d, TYPES_RIGHT, TYPES, "a type without numbers");
  if (x->type != F64 && x->type < TYPES_RIGHT) x->type = s->tokens > 100 ? I64 : I32;
  if (fault(d, "a boundary between tokens")) s->boundary[s->sequences / 2] += 0.5, x->type = F64;
  if (fault(d, "a boundary that is nan")) s->boundary[pick(d, s->sequences + 1)] = NAN, x->type = F64;
  if (fault(d, "boundaries in reverse")) s->boundary[0] = (double)s->tokens, s->boundary[s->sequences] = 0;
  x->kind = (structure_kind)choose(d, KINDS_RIGHT, KINDS, "no dataset");
  if (fault(d, "boundaries of rank 2"))
    x->size[x->rank++] = 1;
  else if (fault(d, "a single boundary"))
    x->size[0] = 1;
  plan_storage(d, x);
}

/* Numbers per token; 0: without an axis for them.  g must have been planned before its derivative. */
static size_t width_of(const structure *s, efla_tensor t) {
  if (t == EFLA_BETA || t == EFLA_ALPHA || t == EFLA_D_BETA || t == EFLA_D_ALPHA) return 0;
  if (t == EFLA_G || t == EFLA_D_G) return s->g_per_channel && (t == EFLA_G || s->dataset[EFLA_G].present) ? s->dk : 0;
  return t == EFLA_V || t == EFLA_O || t == EFLA_D_O || t == EFLA_D_V ? s->dv : s->dk;
}

static void plan_tensor(draw *d, efla_tensor t) {
  structure *s = d->s;
  structure_dataset *x = &s->dataset[t];
  x->name = efla_tensor_name(t);
  s->sharing[t] = s->heads;
  if (t > EFLA_D_O && pick(d, 2)) s->sharing[t] = s->heads % 2 == 0 && pick(d, 2) ? s->heads / 2 : 1;
  if (is_state(t))
    shape_of_states(s, x, pick(d, 2));
  else
    shape_of_tokens(s, x, s->sharing[t], width_of(s, t));
  plan_dataset(d, x, t);
}

void structure_plan(structure *s, const uint8_t *bytes, size_t n) {
  *s = (structure){.fault = NULL};
  draw d = {bytes, n, 0, {SIZE_MAX, SIZE_MAX}, s};
  size_t faults = pick(&d, 8); /* mostly one, so that it is not hidden by another */
  for (size_t i = 0; i < (faults == 7 ? 2 : faults > 2 ? 1 : 0); i++) d.chosen[i] = pick(&d, PLACES);
  s->latest = pick(&d, 2);
  plan_sizes(&d);
  s->boundaries.name = "cu_seqlens";
  plan_boundaries(&d);
  for (efla_tensor t = 0; t < EFLA_D_O; t++) plan_tensor(&d, t);
  s->scale = (structure_attribute)choose(&d, ATTRIBUTES_RIGHT, ATTRIBUTES, "attribute scale");
  s->layout = (structure_attribute)choose(&d, ATTRIBUTES_RIGHT, ATTRIBUTES, "attribute layout");
  if (s->layout == ABSENT && s->order != EFLA_BTHD) s->layout = USUAL;
  s->precision = (structure_attribute)choose(&d, ATTRIBUTES_RIGHT, ATTRIBUTES, "attribute precision");
  if (s->precision == NOT_FINITE) s->precision = TOO_LONG; /* any name will do */
  if (pick(&d, 2)) return;
  for (efla_tensor t = EFLA_D_O; t < EFLA_TENSORS; t++) plan_tensor(&d, t);
}

size_t structure_entries(const structure_dataset *d) {
  double entries = 1;
  for (size_t i = 0; i < d->rank; i++) entries *= (double)d->size[i];
  return entries < 0x1p62 ? (size_t)entries : (size_t)1 << 62;
}

double structure_value(const structure_dataset *d, size_t i) {
  if (d->values) return d->values[i];
  if (d->spoilt != 0 && i == d->spoilt_at) return d->spoilt; /* nan is not 0 either */
  int m = (int)((i * 7 + (size_t)(unsigned char)*d->name * 5 + i / 17) % 17);
  bool positive = *d->name == 'b' || d->type == U8, whole = !is_float(d->type);
  if (*d->name == 'g') return d->type == U8 ? 0 : whole ? -(m % 9) : -(m % 9) / 8.;
  if (*d->name == 'a') return whole ? m % 2 : m % 9 / 8.;
  double value = positive ? m % 9 : m - 8;
  return whole ? value : value / 8;
}

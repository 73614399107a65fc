/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Faults of place: neighbouring tokens, chunks, heads; and of numbers that are rounded too early. */
#include "check/faults.h"
#include "io/file_decay.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef efla_fault_edit edit;

static const char *const array_names[EFLA_OF_ARRAYS] = {"q", "k", "v", "beta", "g", "p"};

static bool present(const edit *f, size_t array) {
  const efla_tensor argument = efla_decay_tensor(f->spec->rule.decay);
  return array == EFLA_OF_G ? argument != EFLA_TENSORS : array != EFLA_OF_P || f->in->has[EFLA_P];
}

/* What the array of the decay's argument is called in the file. */
static const char *called(const edit *f, size_t array) {
  return array == EFLA_OF_G ? f->spec->rule.decay->argument : array_names[array];
}

/* Each array, of the token before and of the token after. */
static bool shifted(edit *f) {
  const size_t array = f->variant / 2;
  if (!present(f, array)) return false;
  f->model->reads[array].shift = f->variant % 2 ? 1 : -1;
  return efla_fault_say(f, true, "%s is that of the %s token", called(f, array), f->variant % 2 ? "next" : "previous");
}
static size_t shifts(void) { return (size_t)2 * EFLA_OF_ARRAYS; }
static const char *shift_name(size_t i) {
  static const char *const names[] = {"q-before",    "q-next",    "k-before", "k-next", "v-before", "v-next",
                                      "beta-before", "beta-next", "g-before", "g-next", "p-before", "p-next"};
  return names[i];
}

/* Lengths of chunks, the longest first: they take precedence where short ones end at the same token. */
static const size_t chunks[] = {256, 128, 64, 32, 16, 8};
static size_t chunk_lengths(void) { return sizeof chunks / sizeof *chunks; }

static size_t longest(const edit *f) { return f->setting->evidence->most; }

/* Whether a sequence that is read ends in an incomplete chunk of this length, which is not its first. */
static bool has_tail(const edit *f, size_t chunk) {
  const efla_evidence *e = f->setting->evidence;
  for (size_t i = 0; i < efla_evidence_lanes(e); i++) {
    const size_t length = e->lane[i].x.tokens;
    if (e->lane[i].whole && length > chunk && length % chunk != 0) return true;
  }
  return false;
}

/* A chunk's fault, in two halves of a sentence about its length. */
typedef struct chunk_fault {
  efla_fault_chunk what;
  bool gated;
  const char *before, *after;
} chunk_fault;

static bool at_chunks(edit *f, const chunk_fault *fault) {
  const size_t chunk = chunks[f->variant];
  f->model->at_chunks = fault->what, f->model->chunk = chunk;
  return efla_fault_say(f, longest(f) > chunk && (!fault->gated || f->spec->rule.decay->gated), "%s chunk of %zu%s",
                        fault->before, chunk, fault->after);
}

static const chunk_fault chunk_faults[] = {
    {EFLA_CHUNK_RESET, false, "the state is zero at the start of every", ": what came before is lost"},
    {EFLA_CHUNK_DROPS_FIRST, false, "the first token of every", " never enters the state"},
    {EFLA_CHUNK_DROPS_LAST, false, "the last token of every", " never enters the state"},
    {EFLA_CHUNK_NO_DECAY, true, "the decay is missing at the first token of every", ""},
    {EFLA_CHUNK_STALE_VALUE, false, "v is that of the previous token at the first token of every", ""},
    {EFLA_CHUNK_READS_START, false, "o is read from the state at the start of its",
     ": what it writes itself is missing"},
    {EFLA_CHUNK_READS_END, false, "o is read from the state at the end of its", ": it depends on later tokens"}};

static bool resets(edit *f) { return at_chunks(f, &chunk_faults[0]); }
static bool drops_first(edit *f) { return at_chunks(f, &chunk_faults[1]); }
static bool drops_last(edit *f) { return at_chunks(f, &chunk_faults[2]); }
static bool no_decay(edit *f) { return at_chunks(f, &chunk_faults[3]); }
static bool stale_value(edit *f) { return at_chunks(f, &chunk_faults[4]); }
static bool reads_start(edit *f) { return at_chunks(f, &chunk_faults[5]); }
static bool reads_end(edit *f) { return at_chunks(f, &chunk_faults[6]); }

static bool chunk_dropped(edit *f) {
  const size_t chunk = chunks[f->variant], from = f->setting->first / chunk * chunk;
  f->model->at_chunks = EFLA_CHUNK_DROPPED, f->model->chunk = chunk, f->model->chunk_from = from;
  return efla_fault_say(f, from + chunk <= longest(f),
                        "tokens %zu to %zu, one chunk of %zu, never enter the state (beta is 0)", from,
                        from + chunk - 1, chunk);
}

static bool lost_tail(edit *f) {
  f->model->at_chunks = EFLA_CHUNK_TAIL, f->model->chunk = chunks[f->variant];
  return efla_fault_say(f, has_tail(f, f->model->chunk),
                        "a wrong chunk tail: the last tokens, which do not fill a chunk of %zu, never enter the state",
                        f->model->chunk);
}

static bool lost_tail_of_state(edit *f) {
  f->model->at_chunks = EFLA_CHUNK_TAIL_OF_STATE, f->model->chunk = chunks[f->variant];
  return efla_fault_say(
      f, has_tail(f, f->model->chunk),
      "a wrong chunk tail: the last tokens, which do not fill a chunk of %zu, never enter final_state",
      f->model->chunk);
}

/* Heads: arrays that are taken from the first head, or from the head that another order of groups gives. */
static bool first_head(edit *f) {
  f->model->reads[f->variant].first = true;
  return efla_fault_say(f, present(f, f->variant) && f->setting->evidence->all_heads && f->in->heads > 1,
                        "%s is that of head 0 in every head", called(f, f->variant));
}
static size_t arrays(void) { return EFLA_OF_ARRAYS; }
static const char *array_name(size_t i) { return array_names[i]; }

/* Whether heads of the file that this many groups share have the same keys, in the other order. */
static bool grouped(const edit *f, size_t groups, bool follow) {
  const efla_evidence *e = f->setting->evidence;
  const size_t heads = f->in->heads, each = heads / groups;
  if (!e->all_heads || groups >= heads || heads % groups != 0) return false;
  for (size_t h = 0; h < heads; h++) {
    const efla_tokens *x = &e->lane[h].x, *same = &e->lane[follow ? h % groups : h / each * each].x;
    if (memcmp(x->k, same->k, x->tokens * x->dk * sizeof *x->k) != 0) return false;
  }
  return true;
}

/* Variants: which arrays, in which order, and in how many groups, 2 and more. */
enum { SETS = 3, MOST_GROUPS = 8 };
static bool groups(edit *f) {
  static const char *const what[SETS] = {"q and k", "k", "v"};
  const size_t set = f->variant % SETS, n = 2 + f->variant / SETS / 2;
  const bool follow = f->variant / SETS % 2, q = set == 0, k = set <= 1, v = set == 2;
  f->model->groups = n, f->model->groups_follow = follow;
  f->model->reads[EFLA_OF_Q].turned = q, f->model->reads[EFLA_OF_K].turned = k;
  f->model->reads[EFLA_OF_P].turned = k, f->model->reads[EFLA_OF_V].turned = v;
  return efla_fault_say(f, grouped(f, n, follow),
                        "grouped heads %s of %s: head h reads %zu groups as h %s, expected h %s",
                        follow ? "are taken to follow each other" : "are interleaved", what[set], n,
                        follow ? "/ (heads/groups)" : "% groups", follow ? "% groups" : "/ (heads/groups)");
}
static size_t group_variants(void) { return (size_t)2 * SETS * (MOST_GROUPS - 1); }

/* Numbers: what is stored in few bits, and what products take.  fp16 and tf32 have as many, so that one row is for
 * both. */
static const char *const stored[] = {"bf16", "fp16", "e4m3"}, *const taken[] = {"bf16", "tf32", "e4m3"};
enum { FORMATS = sizeof stored / sizeof *stored };
static const char *stored_name(size_t i) { return stored[i % FORMATS]; }
static const char *taken_name(size_t i) { return taken[i % FORMATS]; }
static size_t format_count(void) { return FORMATS; }

/* The row of that format, NULL where rounding to it cannot cause errors of this size. */
static const efla_format *fitting(const edit *f, const char *name) {
  const efla_format *format = efla_format_find(name);
  const double unit = efla_format_unit(format), relative = f->setting->relative;
  return relative > 64 * unit || relative < unit / 64 ? NULL : format;
}

static bool operands(edit *f) {
  const efla_format *format = fitting(f, stored_name(f->variant));
  for (size_t i = 0; i <= EFLA_OF_V; i++) f->model->reads[i].format = format;
  return format &&
         efla_fault_say(f, true, "q, k and v are rounded to %s (%d significant bits)", format->name, format->digits);
}

static bool rounded(edit *f) {
  const size_t array = f->variant / FORMATS;
  const efla_format *format = fitting(f, stored_name(f->variant));
  f->model->reads[array].format = format;
  return format && efla_fault_say(f, present(f, array), "%s is rounded to %s (%d significant bits)", called(f, array),
                                  format->name, format->digits);
}
static size_t rounded_variants(void) { return (size_t)EFLA_OF_ARRAYS * FORMATS; }
static const char *rounded_name(size_t i) {
  static char names[EFLA_OF_ARRAYS * FORMATS][16];
  snprintf(names[i], sizeof names[i], "%s-%s", array_names[i / FORMATS], stored_name(i));
  return names[i];
}

static bool products(edit *f) {
  const efla_format *format = f->model->products = fitting(f, taken_name(f->variant));
  return format && efla_fault_say(f, !efla_fault_channels(f),
                                  "operands of products, the state among them, are rounded to %s (%d significant bits)",
                                  format->name, format->digits);
}

/* After every token, and at the end of chunks. */
static bool state_in(edit *f) {
  static const size_t every[] = {0, 16, 32, 64, 128};
  const size_t chunk = every[f->variant / FORMATS];
  const efla_format *format = fitting(f, stored_name(f->variant));
  f->model->state = format, f->model->state_chunk = chunk;
  if (!format) return false;
  if (chunk == 0)
    return efla_fault_say(f, true, "the state is kept in %s (%d significant bits)", format->name, format->digits);
  return efla_fault_say(f, longest(f) > chunk, "the state is kept in %s from one chunk of %zu to the next",
                        format->name, chunk);
}
static size_t state_variants(void) { return (size_t)5 * FORMATS; }

const efla_fault_row efla_faults_of_places[] = {{"of", shifted, shifts, shift_name},
                                                {"tail", lost_tail, chunk_lengths, NULL},
                                                {"tail-of-state", lost_tail_of_state, chunk_lengths, NULL},
                                                {"reset", resets, chunk_lengths, NULL},
                                                {"drops-first", drops_first, chunk_lengths, NULL},
                                                {"drops-last", drops_last, chunk_lengths, NULL},
                                                {"chunk-dropped", chunk_dropped, chunk_lengths, NULL},
                                                {"chunk-no-decay", no_decay, chunk_lengths, NULL},
                                                {"stale-value", stale_value, chunk_lengths, NULL},
                                                {"reads-start", reads_start, chunk_lengths, NULL},
                                                {"reads-end", reads_end, chunk_lengths, NULL},
                                                {"groups", groups, group_variants, NULL},
                                                {"head0", first_head, arrays, array_name},
                                                {"operands", operands, format_count, stored_name},
                                                {"rounded", rounded, rounded_variants, rounded_name},
                                                {"products", products, format_count, taken_name},
                                                {"state", state_in, state_variants, stored_name},
                                                {.name = NULL}};

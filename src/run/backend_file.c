/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "run/backend_file.h"

#include "base/ranks.h"
#include "efla/scan.h"
#include "io/file_decay.h"
#include "run/file_inputs.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct pass {
  const efla_backend_file *job;
  efla_tensors *in, *out;
  efla_file_slab *slabs;      /* (ranks) */
  const efla_file_slab *slab; /* this rank's */
  efla_backend *backend;
  efla_file_inputs all;
  efla_sequence x; /* of one batch entry */
  efla_result y, dy;
  efla_gradient dx;
  double *wide, *theirs; /* what is read or written; of another rank, on rank 0 */
  efla_bad first, final; /* results that are not finite, in o and in final_state */
} pass;

static size_t states_of(const efla_file_slab *slab) { return slab->sequences > 0 ? slab->sequences : 1; }

/* Numbers of a rank's part of a tensor, of one batch entry. */
static size_t entries(const pass *p, const efla_file_slab *slab, efla_tensor tensor) {
  return efla_tensor_is_state(tensor) ? states_of(slab) * p->x.heads * p->x.dk * p->x.dv
                                      : slab->tokens * p->x.heads * efla_tensors_width(p->in, tensor);
}

/* An array of its own, head-major. */
static efla_array make(const pass *p, efla_tensor tensor) {
  void *data = calloc(entries(p, p->slab, tensor) + 1, efla_type_size(p->job->type));
  return efla_tensor_is_state(tensor)
             ? efla_array_states(data, p->job->type, p->x.heads, p->x.dk, p->x.dv)
             : efla_array_head_major(data, p->job->type, p->x.tokens, p->x.heads, efla_tensors_width(p->in, tensor));
}

/* States first ... past-1 of a rank that are in files: of sequences that begin there, or that end there. */
typedef struct range {
  size_t first, past;
} range;

static range states_in_file(const efla_file_slab *slab, efla_tensor tensor) {
  const bool begins = tensor == EFLA_INITIAL_STATE || tensor == EFLA_D_INITIAL_STATE;
  if (slab->sequences == 0 || (!slab->cu && slab->tokens == 0 && slab->first > 0)) return (range){0, 0};
  return begins ? (range){slab->continues, slab->sequences} : (range){0, slab->sequences - slab->goes_on};
}

static efla_status read_array(pass *p, efla_tensor tensor, size_t entry, const efla_array *to, efla_message *why) {
  const efla_tensor_block all = {entry, 0, p->x.heads, p->slab->first, p->slab->tokens};
  const size_t n = entries(p, p->slab, tensor), one = n / states_of(p->slab);
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < n; i++) p->wide[i] = 0;
  if (efla_tensor_is_state(tensor)) {
    const range r = states_in_file(p->slab, tensor);
    for (size_t s = r.first; s < r.past && status == EFLA_OK; s++)
      status =
          efla_tensors_read_states(p->in, tensor, entry + p->slab->sequence + s, 0, p->x.heads, p->wide + s * one, why);
  } else if (n > 0) {
    status = efla_tensors_read(
        p->in, tensor, &all,
        efla_array_head_major(p->wide, EFLA_F64, p->x.tokens, p->x.heads, efla_tensors_width(p->in, tensor)), why);
  }
  if (status == EFLA_OK) efla_file_narrow(n, p->wide, to);
  return status;
}

/* ---- results that are not finite ---- */

static bool is_earlier(const efla_bad *a, const efla_bad *b) {
  if (a->token != b->token) return a->token < b->token;
  return a->sequence != b->sequence ? a->sequence < b->sequence : a->head < b->head;
}

static void note(pass *p, efla_tensor tensor, size_t sequence, size_t head, size_t token, size_t n, const double *row) {
  efla_bad *worst = tensor == EFLA_O ? &p->first : &p->final;
  for (size_t i = 0; i < n; i++) {
    if (fabs(row[i]) <= p->out->stored[tensor].largest) continue;
    efla_bad bad = {sequence, head, token, row[i], ""};
    efla_tensors_index(p->out, tensor, sequence, head, token, i, bad.index);
    if (worst->token == SIZE_MAX || (tensor == EFLA_O && is_earlier(&bad, worst))) *worst = bad;
    return;
  }
}

static void note_rows(pass *p, const efla_file_slab *slab, size_t entry, const double *o) {
  for (size_t t = 0, s = 0; t < slab->tokens; t++) {
    while (slab->cu && slab->cu[s + 1] <= t) s++;
    const size_t sequence = slab->cu ? slab->sequence + s : entry, begin = slab->cu ? p->in->cu_seqlens[sequence] : 0;
    for (size_t h = 0; h < p->x.heads; h++)
      note(p, EFLA_O, sequence, h, slab->first + t - begin, p->x.dv, o + (h * slab->tokens + t) * p->x.dv);
  }
}

static void note_state(pass *p, size_t sequence, const double *S) {
  const size_t n = p->x.dk * p->x.dv, length = efla_tensors_length(p->in, sequence);
  for (size_t h = 0; h < p->x.heads; h++)
    note(p, EFLA_FINAL_STATE, sequence, h, length > 0 ? length - 1 : 0, n, S + h * n);
}

/* ---- writing, by rank 0 ---- */

static efla_status write_part(pass *p, efla_tensor tensor, size_t entry, const efla_file_slab *slab, double *numbers,
                              efla_message *why) {
  const efla_tensor_block all = {entry, 0, p->x.heads, slab->first, slab->tokens};
  const size_t one = p->x.heads * p->x.dk * p->x.dv;
  efla_status status = EFLA_OK;
  if (efla_tensor_is_state(tensor)) {
    const range r = states_in_file(slab, tensor);
    for (size_t s = r.first; s < r.past && status == EFLA_OK; s++) {
      const size_t sequence = entry + slab->sequence + s;
      if (tensor == EFLA_FINAL_STATE) note_state(p, sequence, numbers + s * one);
      status = efla_tensors_write_states(p->out, tensor, sequence, 0, p->x.heads, numbers + s * one, why);
    }
  } else if (slab->tokens > 0) {
    if (tensor == EFLA_O) note_rows(p, slab, entry, numbers);
    const size_t width = efla_tensors_width(p->in, tensor); /* of rows: states have none */
    status = efla_tensors_write(p->out, tensor, &all,
                                efla_array_head_major(numbers, EFLA_F64, slab->tokens, p->x.heads, width), why);
  }
  return status;
}

/* The parts of all ranks, one after another. */
static efla_status write_array(pass *p, efla_tensor tensor, size_t entry, const efla_array *from, double factor,
                               efla_message *why) {
  const efla_communicator *ranks = p->job->ranks;
  const size_t n = entries(p, p->slab, tensor);
  efla_file_widen(n, factor, from, p->wide);
  efla_status status = EFLA_OK;
  for (size_t r = 0; r < ranks->size && status == EFLA_OK; r++) {
    double *numbers = r == 0 ? p->wide : p->theirs;
    status = efla_ranks_hand(ranks, r, p->wide, entries(p, &p->slabs[r], tensor) * sizeof *numbers, numbers, why);
    if (status == EFLA_OK && ranks->rank == 0) status = write_part(p, tensor, entry, &p->slabs[r], numbers, why);
    status = efla_ranks_agree(ranks, status, why);
  }
  return status;
}

/* ---- one batch entry ---- */

static efla_status make_arrays(pass *p, efla_message *why) {
  const efla_tensors *in = p->in;
  const bool gradients = p->job->gradients;
  bool fine = true;
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++) {
    if (p->all.input[i] == EFLA_TENSORS) continue;
    *efla_file_input(&p->x, i) = make(p, p->all.input[i]);
    if (gradients) *efla_file_gradient(&p->dx, i) = make(p, p->all.gradient[i]);
    fine &= efla_file_input(&p->x, i)->data && (!gradients || efla_file_gradient(&p->dx, i)->data);
  }
  p->y.o = make(p, EFLA_O), p->y.final_state = make(p, EFLA_FINAL_STATE);
  if (gradients) p->dy.o = make(p, EFLA_D_O);
  if (gradients && in->has[EFLA_D_FINAL_STATE]) p->dy.final_state = make(p, EFLA_D_FINAL_STATE);
  fine &= p->y.o.data && p->y.final_state.data;
  fine &= !gradients || (p->dy.o.data && (!in->has[EFLA_D_FINAL_STATE] || p->dy.final_state.data));
  return fine ? EFLA_OK : efla_fail_memory(why);
}

/* Room for the largest array of any rank. */
static efla_status make_room(pass *p, efla_message *why) {
  size_t most = 1;
  for (size_t r = 0; r < p->job->ranks->size; r++) {
    const size_t rows = p->slabs[r].tokens * p->x.heads * (p->x.dk > p->x.dv ? p->x.dk : p->x.dv),
                 states = entries(p, &p->slabs[r], EFLA_FINAL_STATE), larger = rows > states ? rows : states;
    most = larger > most ? larger : most;
  }
  p->wide = malloc(most * sizeof *p->wide);
  if (p->job->ranks->size > 1 && p->job->ranks->rank == 0) p->theirs = malloc(most * sizeof *p->theirs);
  return p->wide && (p->theirs || p->job->ranks->size == 1 || p->job->ranks->rank > 0) ? EFLA_OK
                                                                                       : efla_fail_memory(why);
}

static efla_status pass_init(pass *p, efla_message *why) {
  const efla_tensors *in = p->in;
  const efla_communicator *ranks = p->job->ranks;
  const efla_options options = {.threads = p->job->threads < EFLA_MAX_THREADS ? p->job->threads : EFLA_MAX_THREADS};
  efla_status status = EFLA_OK;
  if (efla_backend_open(p->job->backend, &options, &p->backend) != EFLA_OK)
    return efla_fail(why, EFLA_USAGE, "%s", efla_last_message(NULL));
  p->slabs = calloc(ranks->size, sizeof *p->slabs);
  if (!p->slabs) return efla_fail_memory(why);
  for (size_t r = 0; r < ranks->size && status == EFLA_OK; r++)
    status = efla_file_slab_init(&p->slabs[r], in, r, ranks->size, why);
  if (status != EFLA_OK) return status;
  p->slab = &p->slabs[ranks->rank];
  p->x = (efla_sequence){.batch = 1, .heads = in->heads, .tokens = p->slab->tokens, .dk = in->dk, .dv = in->dv};
  p->x.g_per_channel = efla_decay_tensor(p->job->rule.decay) == EFLA_G && in->g_per_channel;
  if (p->slab->cu) p->x.cu_seqlens = p->slab->cu, p->x.sequences = states_of(p->slab);
  p->all = efla_file_inputs_of(in, &p->job->rule);
  status = make_arrays(p, why);
  return status == EFLA_OK ? make_room(p, why) : status;
}

static void pass_clear(pass *p) {
  for (size_t i = 0; i < EFLA_FILE_INPUTS; i++)
    free(efla_file_input(&p->x, i)->data), free(efla_file_gradient(&p->dx, i)->data);
  free(p->y.o.data), free(p->y.final_state.data), free(p->dy.o.data), free(p->dy.final_state.data);
  for (size_t r = 0; p->slabs && r < p->job->ranks->size; r++) efla_file_slab_clear(&p->slabs[r]);
  free(p->slabs), free(p->wide), free(p->theirs);
  efla_backend_close(p->backend);
}

static efla_status read_inputs(pass *p, size_t entry, efla_message *why) {
  efla_status status = EFLA_OK;
  for (size_t i = 0; i < EFLA_FILE_INPUTS && status == EFLA_OK; i++)
    if (p->all.input[i] != EFLA_TENSORS) status = read_array(p, p->all.input[i], entry, efla_file_input(&p->x, i), why);
  if (status == EFLA_OK && p->dy.o.data) status = read_array(p, EFLA_D_O, entry, &p->dy.o, why);
  if (status == EFLA_OK && p->dy.final_state.data)
    status = read_array(p, EFLA_D_FINAL_STATE, entry, &p->dy.final_state, why);
  return status == EFLA_OK ? efla_tensors_unchanged(p->in, why) : status;
}

static efla_status say(const pass *p, efla_status status, efla_message *why) {
  if (status == EFLA_NO_MEMORY) return efla_fail_memory(why);
  return efla_fail(why, EFLA_USAGE, "%s: backend %s: %s", p->in->path, efla_backend_opened(p->backend),
                   efla_last_message(p->backend));
}

static efla_status pass_entry(pass *p, size_t entry, efla_message *why) {
  const efla_communicator *ranks = p->job->ranks;
  const efla_slab slab = {.continues = p->slab->continues};
  efla_rule rule = p->job->rule, plain = rule;
  plain.scale = 0; /* the file's may be 0, which a rule's is not: it comes later */
  efla_status status = efla_ranks_agree(ranks, read_inputs(p, entry, why), why), failed = EFLA_OK;
  if (status == EFLA_OK) {
    failed = efla_forward_over(ranks, &slab, p->backend, &plain, &p->x, &p->y);
    status = failed != EFLA_OK ? say(p, failed, why) : write_array(p, EFLA_O, entry, &p->y.o, rule.scale, why);
    if (status == EFLA_OK) status = write_array(p, EFLA_FINAL_STATE, entry, &p->y.final_state, 1, why);
  }
  if (status != EFLA_OK || !p->job->gradients) return status;
  failed = efla_backward_over(ranks, &slab, p->backend, &rule, &p->x, &p->dy, &p->dx);
  if (failed != EFLA_OK) return say(p, failed, why);
  for (size_t i = 0; i < EFLA_FILE_INPUTS && status == EFLA_OK; i++)
    if (p->all.gradient[i] != EFLA_TENSORS)
      status = write_array(p, p->all.gradient[i], entry, efla_file_gradient(&p->dx, i), 1, why);
  return status;
}

efla_status efla_backend_file_run(const efla_backend_file *job, efla_tensors *in, efla_tensors *out, efla_bad *bad,
                                  efla_message *why) {
  pass p = {.job = job, .in = in, .out = out, .first.token = SIZE_MAX, .final.token = SIZE_MAX};
  efla_status status = efla_ranks_agree(job->ranks, pass_init(&p, why), why);
  for (size_t entry = 0; entry < in->batch && status == EFLA_OK; entry++) status = pass_entry(&p, entry, why);
  if (bad) *bad = p.first.token < SIZE_MAX ? p.first : p.final;
  pass_clear(&p);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backend cuda's derivatives from what a forward call has kept: the same bits as without, and the forward call's
 * results too.  Needs a device: without one it says so and succeeds. */
#include "problem.h"

enum { BY_Q, BY_K, BY_V, BY_BETA, BY_G, BY_INITIAL, ARRAYS };

/* Memory of the device with all bytes 0xff, and what comes of it. */
typedef struct filled {
  void *device;
  char *host;
  size_t bytes;
} filled;

static filled fill(efla_backend *b, size_t bytes) {
  filled f = {efla_backend_alloc(b, bytes), malloc(bytes), bytes};
  memset(f.host, 0xff, bytes);
  problem_check(!efla_backend_copy(b, f.device, f.host, bytes), b, "copy");
  return f;
}

static void fetch(efla_backend *b, filled *f) {
  problem_check(!efla_backend_copy(b, f->host, f->device, f->bytes), b, "copy");
  efla_backend_free(b, f->device);
}

/* Outputs of a forward and a backward call, the derivatives first. */
typedef struct outputs {
  filled all[ARRAYS + 2];
} outputs;

/* o lies `shift` numbers from where rows are aligned. */
static outputs call(efla_backend *b, const problem *p, bool keeps, size_t shift) {
  const both *in[ARRAYS] = {&p->q, &p->k, &p->v, &p->beta, &p->g, &p->initial};
  outputs found;
  efla_array to[ARRAYS];
  for (int i = 0; i < ARRAYS; i++) {
    found.all[i] = fill(b, in[i]->bytes);
    to[i] = in[i]->device, to[i].data = found.all[i].device;
  }
  found.all[ARRAYS] = fill(b, p->o.bytes), found.all[ARRAYS + 1] = fill(b, p->final.bytes);
  const efla_sequence x = problem_sequence(p);
  efla_result y = {.o = p->o.device, .final_state = p->final.device}, dy = y;
  y.o.data = (char *)found.all[ARRAYS].device + shift * efla_type_size(y.o.type);
  y.final_state.data = found.all[ARRAYS + 1].device;
  size_t bytes = 0;
  problem_check(!efla_kept_bytes(b, &p->rule, &x, &bytes), b, "kept");
  problem_check((bytes > 0) == (p->c->dk != 72), b, "whether there is something to keep");
  filled kept = {.bytes = 0};
  if (keeps && bytes > 0) kept = fill(b, bytes), y.kept = dy.kept = kept.device;
  efla_gradient dx = {.q = to[BY_Q], .k = to[BY_K], .v = to[BY_V], .beta = to[BY_BETA]};
  if (x.g.data) dx.g = to[BY_G];
  if (x.initial_state.data) dx.initial_state = to[BY_INITIAL];
  problem_check(!efla_forward(b, &p->rule, &x, &y), b, "forward");
  problem_check(!efla_backward(b, &p->rule, &x, &dy, &dx), b, "backward");
  for (int i = 0; i < ARRAYS + 2; i++) fetch(b, &found.all[i]);
  if (kept.bytes > 0) fetch(b, &kept), free(kept.host);
  return found;
}

static int run(efla_backend *b, const device_case *c, size_t shift) {
  problem p = problem_pose(b, c);
  problem_fill(&p.o, c->batch, c->heads, c->tokens, c->dv, 0, 1, false);
  problem_fill(&p.final, p.states, c->heads, c->dk, c->dv, 0, 1, false);
  problem_send(b, &p.o), problem_send(b, &p.final);
  outputs without = call(b, &p, false, shift), with = call(b, &p, true, shift);
  int wrong = 0;
  for (int i = 0; i < ARRAYS + 2; i++) {
    wrong += memcmp(without.all[i].host, with.all[i].host, with.all[i].bytes) != 0;
    free(without.all[i].host), free(with.all[i].host);
  }
  printf("%s %s %s %s (%zu,%zu,%zu/%zu,%zu)%s%s: %d arrays differ%s\n", c->method, c->decay, c->keys,
         efla_type_name(c->type), c->batch, c->tokens, c->heads, c->repeat, c->dk, c->packed ? " packed" : "",
         shift ? " o not aligned" : "", wrong, wrong ? "  WRONG" : "");
  both *all[] = {&p.q, &p.k, &p.v, &p.beta, &p.g, &p.initial, &p.o, &p.final};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) problem_clear(b, all[i]);
  return wrong;
}

int main(void) {
  static const device_case list[] = {
      {"exact", "none", "raw", EFLA_BF16, 1, 2, 1, 200, 128, 128, 0, 1, false, false, true},
      {"exact", "split", "unit", EFLA_F16, 2, 2, 2, 130, 64, 64, 8, 1, false, true, true},
      {"exact", "joint", "raw", EFLA_BF16, 1, 4, 2, 333, 128, 128, 8, 7, true, true, true},
      {"euler", "strang", "unit", EFLA_BF16, 16, 16, 1, 64, 64, 64, 0, 1, false, true, false},
      {"exact", "split", "raw", EFLA_BF16, 16, 4, 1, 130, 128, 128, 0, 1, false, false, false},
      {"exact", "none", "raw", EFLA_BF16, 1, 2, 1, 70, 72, 72, 0, 1, false, true, true},
  };
  efla_backend *b;
  const efla_status status = efla_backend_open("cuda", NULL, &b);
  if (status) {
    printf("skipped: %s\n", efla_last_message(NULL));
    return status == EFLA_UNSUPPORTED ? 0 : 1;
  }
  int wrong = 0;
  for (size_t i = 0; i < 2 * sizeof list / sizeof *list; i++) wrong += run(b, &list[i / 2], i % 2);
  efla_backend_close(b);
  printf("%d wrong\n", wrong);
  return wrong > 0;
}

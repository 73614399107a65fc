/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/stretch.h"

#include "io/spool.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 1 << 20, SMALL = 1 << 13 }; /* bytes read at once; of a piece that is read with what is between */

bool efla_stretch_measure(efla_stretch *place) {
  uint64_t n = place->element->bytes;
  for (size_t i = 0; i < place->rank; i++)
    if (__builtin_mul_overflow(n, place->size[i], &n)) return false;
  place->bytes = n;
  return n <= (uint64_t)1 << 62;
}

bool efla_stretch_bytes(int descriptor, uint64_t at, void *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t got = pread(descriptor, (char *)bytes + done, n - done, (off_t)(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (got == 0) errno = 0;
      return false;
    }
    done += (size_t)got;
  }
  return true;
}

/* A box with its axes in the order of the file, the last one the fastest, and its strides there and in memory. */
typedef struct walk {
  size_t rank, count[4], inner; /* axes inner ... rank-1 are read together */
  uint64_t first, in_file[4], in_memory[4];
} walk;

static walk walk_of(const efla_stretch *place, const efla_box *box) {
  walk w = {.rank = box->rank};
  uint64_t file = 1, memory[4] = {0}, n = 1;
  for (size_t i = box->rank; i-- > 0; n *= box->count[i]) memory[i] = n;
  for (size_t i = w.rank; i-- > 0;) {
    const size_t axis = place->reversed ? w.rank - 1 - i : i;
    w.count[i] = box->count[axis];
    w.in_memory[i] = memory[axis];
    w.in_file[i] = file;
    w.first += box->start[axis] * file;
    file *= place->size[axis];
  }
  if (w.rank == 0) w = (walk){.rank = 1, .count = {1}, .in_file = {1}, .in_memory = {1}};
  return w;
}

/* Numbers from the first to the last of the axes from `axis` on, those between them included. */
static uint64_t reach(const walk *w, size_t axis) {
  uint64_t n = 1;
  for (size_t i = axis; i < w->rank; i++) n += (w->count[i] - 1) * w->in_file[i];
  return n;
}

static bool dense(const walk *w, size_t axis) {
  uint64_t n = 1;
  for (size_t i = axis; i < w->rank; i++) n *= w->count[i];
  return n == reach(w, axis);
}

static void choose_inner(walk *w, size_t bytes) {
  w->inner = w->rank - 1;
  while (w->inner > 0 && reach(w, w->inner - 1) * bytes <= WINDOW &&
         (dense(w, w->inner - 1) || reach(w, w->inner) * bytes < SMALL))
    w->inner--;
}

/* The next place of the axes begin ... end-1, the last one the fastest; false at the end. */
static bool advance(const walk *w, size_t begin, size_t end, size_t *at) {
  for (size_t i = end; i-- > begin;) {
    if (++at[i] < w->count[i]) return true;
    at[i] = 0;
  }
  return false;
}

/* Copies what was read of the inner axes to its places in memory. */
static void scatter(const walk *w, const double *span, double *values) {
  const size_t last = w->rank - 1;
  size_t at[4] = {0};
  do {
    uint64_t from = 0, to = 0;
    for (size_t i = w->inner; i < last; i++) from += at[i] * w->in_file[i], to += at[i] * w->in_memory[i];
    for (size_t i = 0; i < w->count[last]; i++) values[to + i * w->in_memory[last]] = span[from + i];
  } while (advance(w, w->inner, last, at));
}

/* The numbers in [first, first + n) of the array, to buffers for WINDOW bytes and as many numbers as that are. */
static bool read_span(const efla_stretch *place, uint64_t first, size_t n, unsigned char *bytes, double *to) {
  const size_t size = place->element->bytes;
  if (!efla_stretch_bytes(place->descriptor, place->at + first * size, bytes, n * size)) return false;
  efla_element_read(place->element, place->big, bytes, n, to);
  return true;
}

/* One place of the outer axes.  Where the inner axis alone exceeds the window it is read piece by piece. */
static bool read_inner(const efla_stretch *place, const walk *w, uint64_t first, unsigned char *bytes, double *span,
                       double *values) {
  const size_t most = WINDOW / place->element->bytes, n = reach(w, w->inner);
  if (n <= most) {
    if (!read_span(place, first, n, bytes, span)) return false;
    scatter(w, span, values);
    return true;
  }
  walk piece = {.rank = 1, .in_memory = {w->in_memory[w->rank - 1]}};
  for (size_t done = 0; done < n; done += piece.count[0]) {
    piece.count[0] = n - done < most ? n - done : most;
    if (!read_span(place, first + done, piece.count[0], bytes, span)) return false;
    scatter(&piece, span, values + done * piece.in_memory[0]);
  }
  return true;
}

const char *efla_stretch_read(const efla_stretch *place, const efla_box *box, double *values) {
  walk w = walk_of(place, box);
  for (size_t i = 0; i < w.rank; i++)
    if (w.count[i] == 0) return NULL;
  choose_inner(&w, place->element->bytes);
  size_t n = reach(&w, w.inner), most = WINDOW / place->element->bytes, at[4] = {0};
  if (n > most) n = most;
  assert(n > 0);
  unsigned char *bytes = malloc(n * place->element->bytes);
  double *span = malloc(n * sizeof *span);
  bool fine = bytes && span;
  errno = fine ? 0 : ENOMEM;
  do {
    uint64_t first = w.first, to = 0;
    for (size_t i = 0; i < w.inner; i++) first += at[i] * w.in_file[i], to += at[i] * w.in_memory[i];
    fine = fine && read_inner(place, &w, first, bytes, span, values + to);
  } while (fine && advance(&w, 0, w.inner, at));
  const int code = errno;
  free(bytes);
  free(span);
  return fine ? NULL : code ? strerror(code) : "the file ends before the numbers do";
}

const char *efla_stretch_write(const efla_stretch *place, const efla_box *box, const double *values) {
  walk w = walk_of(place, box);
  const size_t size = place->element->bytes;
  size_t at[4] = {0};
  unsigned char bytes[1 << 14];
  for (size_t i = 0; i < w.rank; i++)
    if (w.count[i] == 0) return NULL;
  w.inner = w.rank - 1;
  while (w.inner > 0 && dense(&w, w.inner - 1)) w.inner--;
  const uint64_t n = reach(&w, w.inner);
  do {
    uint64_t first = w.first;
    for (size_t i = 0; i < w.inner; i++) first += at[i] * w.in_file[i];
    for (uint64_t done = 0, count; done < n; done += count, values += count) {
      count = n - done < sizeof bytes / size ? n - done : sizeof bytes / size;
      efla_element_write(place->element, values, (size_t)count, bytes);
      if (!efla_spool_put(place->descriptor, place->at + (first + done) * size, bytes, (size_t)count * size))
        return strerror(errno);
    }
  } while (advance(&w, 0, w.inner, at));
  return NULL;
}

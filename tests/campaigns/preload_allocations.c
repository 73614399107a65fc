/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded into a program by LD_PRELOAD: a chosen one of the program's own requests for memory is refused.  Its own are
 * those of the program's code and of the C library on its behalf; requests of other libraries are not counted.
 *
 * ALLOCATIONS_AT: the number of the refused one, from 1; 0: none.  ALLOCATIONS_ON: if there, all later ones are refused
 * too.  ALLOCATIONS_COUNT: a file that gets the number of requests, written at the end. */
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

/* What glibc's functions are called beside their public names. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

typedef struct range {
  uintptr_t from, to;
} range;

static range program, c_library, here;
static unsigned long at, calls;
static bool on, ready;
static char count_file[PATH_MAX];
static pid_t own;
static _Thread_local bool busy; /* with a walk of the stack, which may need memory itself */

static bool within(const range *r, uintptr_t place) { return place >= r->from && place < r->to; }

static int find_ranges(struct dl_phdr_info *object, size_t size, void *first) {
  (void)size;
  range r = {.from = UINTPTR_MAX};
  for (int i = 0; i < object->dlpi_phnum; i++) {
    if (object->dlpi_phdr[i].p_type != PT_LOAD) continue;
    const uintptr_t from = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr, to = from + object->dlpi_phdr[i].p_memsz;
    if (from < r.from) r.from = from;
    if (to > r.to) r.to = to;
  }
  if (*(bool *)first) program = r;
  *(bool *)first = false;
  if (strstr(object->dlpi_name, "/libc.so")) c_library = r;
  if (within(&r, (uintptr_t)&find_ranges)) here = r;
  return 0;
}

/* Its children, which a program starts to draw, are left alone. */
__attribute__((constructor)) static void read_settings(void) {
  const char *number = getenv("ALLOCATIONS_AT"), *file = getenv("ALLOCATIONS_COUNT");
  bool first = true;
  at = number ? strtoul(number, NULL, 10) : 0, on = getenv("ALLOCATIONS_ON") != NULL;
  if (file) snprintf(count_file, sizeof count_file, "%s", file);
  dl_iterate_phdr(find_ranges, &first);
  own = getpid();
  unsetenv("LD_PRELOAD");
  ready = true;
}

__attribute__((destructor)) static void write_count(void) {
  const unsigned long n = calls;
  ready = false;
  FILE *file = getpid() == own ? fopen(count_file, "w") : NULL;
  if (!file) return;
  fprintf(file, "%lu\n", n);
  fclose(file);
}

/* Stops at the first frame outside this file and the C library. */
static _Unwind_Reason_Code look(struct _Unwind_Context *frame, void *found) {
  const uintptr_t place = _Unwind_GetIP(frame);
  if (place == 0 || within(&here, place) || within(&c_library, place)) return _URC_NO_REASON;
  *(uintptr_t *)found = place;
  return _URC_END_OF_STACK;
}

/* Whether this request is the program's, and to be refused. */
static bool refused(void) {
  if (!ready || busy) return false;
  busy = true;
  uintptr_t caller = 0;
  _Unwind_Backtrace(look, &caller);
  busy = false;
  if (!within(&program, caller) || getpid() != own) return false;
  const unsigned long call = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  const bool refuse = at && (call == at || (on && call > at));
  if (refuse) errno = ENOMEM;
  return refuse;
}

void *malloc(size_t bytes) { return refused() ? NULL : __libc_malloc(bytes); }
void *calloc(size_t n, size_t bytes) { return refused() ? NULL : __libc_calloc(n, bytes); }
void *realloc(void *old, size_t bytes) { return refused() ? NULL : __libc_realloc(old, bytes); }
void *aligned_alloc(size_t alignment, size_t bytes) { return refused() ? NULL : __libc_memalign(alignment, bytes); }
void *memalign(size_t alignment, size_t bytes) { return refused() ? NULL : __libc_memalign(alignment, bytes); }
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (refused() || !(*memory = __libc_memalign(alignment, bytes))) return ENOMEM;
  return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Valid calls of the library, in which a test makes one argument invalid, and how they are refused then. */
#ifndef CALLS_H
#define CALLS_H

#include "efla/efla.h"
#include "testing.h"

enum { B = 2, H = 4, T = 3, DK = 5, DV = 6, CALLS_ROOM = 512 };

/* A valid call, until a case makes it invalid. */
typedef struct call {
  efla_rule rule;
  efla_sequence x;
  efla_result y, dy;
  efla_gradient dx;
  size_t cu[4];
} call;

extern double calls_memory[16][CALLS_ROOM];

/* Every argument given, token-major f64 in calls_memory, decay split. */
call calls_right(void);

/* A function that makes a call invalid. */
#define SPOIL(name, ...)                                                                                               \
  static void name(call *c) { __VA_ARGS__; }

typedef struct bad {
  void (*spoil)(call *c);
  efla_status status;
  const char *message;
} bad;

/* Fills calls_memory, and so all inputs and outputs, with bytes 0xff. */
void calls_poison(void);
/* The status and the message are as expected, and all bytes are those of calls_poison(). */
void calls_refused(efla_backend *b, efla_status status, const bad *expected);

/* Row i of the backends, opened; NULL where it needs a device that is not there. */
efla_backend *calls_open(size_t i);

#define FOR_EACH_BACKEND(b)                                                                                            \
  for (size_t b##_i = 0; efla_backend_name(b##_i); b##_i++)                                                            \
    for (efla_backend *b = calls_open(b##_i); b; efla_backend_close(b), b = NULL)

#define COUNT(list) (sizeof(list) / sizeof *(list))

#endif

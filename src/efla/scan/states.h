/* SPDX-License-Identifier: MIT */
/* States of the pieces of a rank, and where they come from and go to. */
#ifndef EFLA_SCAN_STATES_H
#define EFLA_SCAN_STATES_H

#include "efla/scan/pieces.h"

/* (lanes, n, heads, dk, dv), in the memory of the backend and in this processor's, which may be the same. */
typedef struct efla_states {
  size_t n, dv; /* dv: of these states; dk for M */
  char *data, *host;
} efla_states;

/* Zero; n = 0: none, and its arrays are absent.  EFLA_NO_MEMORY with a message; to be cleared in any case. */
efla_status efla_states_make(const efla_scan *s, size_t n, size_t dv, efla_states *a);
void efla_states_clear(const efla_scan *s, efla_states *a);

/* From the backend's memory to the processor's, and back. */
efla_status efla_states_pull(const efla_scan *s, const efla_states *a);
efla_status efla_states_push(const efla_scan *s, const efla_states *a);

/* States number i and those that follow, of a lane and those that follow, as an array of a call. */
efla_array efla_states_array(const efla_scan *s, const efla_states *a, size_t lane, size_t i);
/* Head h of one of them, in this processor's memory. */
char *efla_states_head(const efla_scan *s, const efla_states *a, size_t lane, size_t i, size_t h);

/* to += from, n numbers of so many bytes. */
void efla_states_add(size_t n, size_t bytes, const void *from, void *to);

/* One of them, all heads, from an array of the caller's, or to it: of the lane, or if packed of the sequence. */
efla_status efla_states_load(const efla_scan *s, const efla_states *a, size_t lane, size_t i, const efla_array *from,
                             size_t sequence);
efla_status efla_states_store(const efla_scan *s, const efla_states *a, size_t lane, size_t i, const efla_array *to,
                              size_t sequence);

#endif

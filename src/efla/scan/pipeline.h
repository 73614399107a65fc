/* SPDX-License-Identifier: MIT */
/* The other way to carry states: heads one after another, so that a rank computes a head while the rank before it is at
 * the next one.  Nothing is computed twice; the last rank waits for ranks - 1 of the heads. */
#ifndef EFLA_SCAN_PIPELINE_H
#define EFLA_SCAN_PIPELINE_H

#include "efla/scan/carry.h"

/* Whether it takes less time than the scan, which computes about half as much again: without blocks, and with two groups of
 * heads or more for each rank after the first.  The same on all ranks. */
bool efla_pipeline_pays(const efla_scan *s);

/* Called by all ranks; the status is that of all.  Computes all pieces: o and, in c->initial, their final states; or
 * for a backward call dx, and in c->final the derivatives by their initial states. */
efla_status efla_pipeline_run(efla_carry *c);

#endif

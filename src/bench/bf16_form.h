/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The benchmark case of chunks on a matrix unit (efla/cpu/matrix.h): the problem's rows as bf16 in its workspace,
 * where o is bf16 too. */
#ifndef EFLA_BENCH_BF16_FORM_H
#define EFLA_BENCH_BF16_FORM_H

#include "bench/benchmark_case.h"

size_t efla_bench_bf16_extra(const efla_bench_problem *p);
void efla_bench_bf16_start(efla_bench_problem *p);
void efla_bench_bf16_work(efla_bench_problem *p);
void efla_bench_bf16_finish(efla_bench_problem *p); /* copies o to the problem's */

/* Largest error of a number of o relative to |S| |q|, and of the state relative to |S|, that roundings explain:
 * those of the operands of every token, u of bf16 each, add like random numbers, spread over dv columns; four
 * standard deviations. */
double efla_bench_bf16_bound(const efla_bench_problem *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel check as a report to read, and as rows of a table. */
#ifndef EFLA_CHECK_KERNEL_CHECK_REPORT_H
#define EFLA_CHECK_KERNEL_CHECK_REPORT_H

#include "app/json.h"
#include "app/table.h"
#include "check/kernel_check.h"

#include <stdio.h>

/* Text: the input and what it is compared with; errors of every head; their growth with the token number; the first
 * error out of tolerance; causality; the fault that explains the errors; at the end a line "verdict: ".  `check` was
 * run with these options. */
void efla_kernel_check_write_text(const efla_kernel_check *check, const efla_kernel_check_options *options, FILE *out);

/* The same as a JSON object.  Fails with EFLA_NO_MEMORY. */
efla_status efla_kernel_check_write_json(const efla_kernel_check *check, FILE *out, efla_message *why);

/* One row per head and range of tokens. */
extern const efla_column efla_kernel_check_columns[];
void efla_kernel_check_write_rows(const efla_kernel_check *check, efla_table *table);

/* What is said of gradients, in the report and in the object (gradient_report.c); nothing where the file has none. */
void efla_gradients_write_text(const efla_kernel_check *check, FILE *out);
json_object *efla_gradients_json(efla_json *b, const efla_kernel_check *check);
json_object *efla_errors_json(efla_json *b, const efla_errors_of *errors);
json_object *efla_miss_json(efla_json *b, const efla_miss *miss);
void efla_errors_write_text(FILE *out, const char *what, const efla_errors_of *errors);
void efla_errors_write_header(FILE *out, const char *what);
void efla_miss_write_text(FILE *out, const efla_miss *miss, const char *what);

#endif

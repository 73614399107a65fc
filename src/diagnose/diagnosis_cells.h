/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of a diagnosis' text share; not for programs. */
#ifndef EFLA_DIAGNOSE_DIAGNOSIS_CELLS_H
#define EFLA_DIAGNOSE_DIAGNOSIS_CELLS_H

#include "diagnose/diagnosis_report.h"

/* In percent, of all tokens. */
double efla_share(size_t part, const efla_statistics *f);

/* Entries of a table, aligned to the right; "-" where there is no value. */
void efla_write_number(FILE *out, int width, int digits, double value);
void efla_write_percent(FILE *out, int width, double value);
void efla_write_rate(FILE *out, int width, double value);
void efla_write_token(FILE *out, int width, efla_place place);

/* The sections of a decay, of splittings of one per channel, of an erase key; none where there is none. */
void efla_diagnosis_write_decay(efla_diagnosis *d, FILE *out);
void efla_diagnosis_write_splitting(const efla_diagnosis *d, FILE *out);
void efla_diagnosis_write_erase_key(efla_diagnosis *d, FILE *out);

#endif

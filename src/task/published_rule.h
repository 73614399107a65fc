/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names under which a method with a key treatment is published. */
#ifndef EFLA_TASK_PUBLISHED_RULE_H
#define EFLA_TASK_PUBLISHED_RULE_H

/* "EFLA" (arXiv 2512.12602), "DeltaNet" (2406.06484) or "Longhorn" (2407.14207) for the names of a method and of a key
 * treatment; "-" for a pair without a name, and where either is NULL. */
const char *efla_published_name(const char *method, const char *keys);

#endif

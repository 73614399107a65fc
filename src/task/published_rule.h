/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names under which a rule is published. */
#ifndef EFLA_TASK_PUBLISHED_RULE_H
#define EFLA_TASK_PUBLISHED_RULE_H

/* "EFLA", "gated EFLA" (arXiv 2512.12602), "DeltaNet" (2406.06484), "Gated DeltaNet" (2412.06464) or "Longhorn"
 * (2407.14207) for the names of a method, a decay and a key treatment; "-" for a rule without a name, and where any is
 * NULL. */
const char *efla_published_name(const char *method, const char *decay, const char *keys);

#endif

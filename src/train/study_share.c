/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "train/study_share.h"

#include <stdio.h>
#include <string.h>

efla_status efla_study_set_share(efla_study *study, const char *text, efla_message *why) {
  int end = 0;
  bool plain = !text[strspn(text, "0123456789/")]; /* no sign, no blank */
  if (sscanf(text, "%9zu/%9zu%n", &study->shard, &study->shards, &end) != 2 || !plain || text[end] ||
      study->shard < 1 || study->shard > study->shards)
    return efla_fail(why, EFLA_USAGE, "--shard: '%s', expected I/N with 1 <= I <= N", text);
  if ((study->shards > 1 || study->finished) && !study->configs)
    return efla_fail(why, EFLA_USAGE, "%s: expected --configs with it, where configs are kept",
                     study->finished ? "--finished" : "--shard");
  if (study->shard > efla_study_configs(study))
    return efla_fail(why, EFLA_USAGE, "--shard: '%s' has no config, expected I of at most %zu, the number of configs",
                     text, efla_study_configs(study));
  return EFLA_OK;
}

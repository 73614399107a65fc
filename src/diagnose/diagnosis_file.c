/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The diagnosis of a tensor file. */
#include "diagnose/diagnosis_report.h"

#include "app/progress.h"

#include <string.h>

/* Reads the stream; the heads of a group advance in parallel. */
static efla_status read_all(efla_diagnosis *d, efla_stream *stream, efla_message *why) {
  efla_progress progress;
  efla_status status = EFLA_OK;
  efla_progress_start(&progress, "tokens", stream->file->batch * stream->file->heads * stream->file->tokens);
  while (status == EFLA_OK && (status = efla_stream_next(stream, why)) == EFLA_OK && !stream->done) {
    size_t heads = stream->x.heads, n = stream->x.tokens;
    for (size_t h = 0; h < heads && stream->begins; h++)
      efla_diagnosis_start(d, h, stream->sequence, stream->block.head + h,
                           efla_stream_head(&stream->x.initial_state, h), stream->length);
#pragma omp parallel for schedule(dynamic, 1) if (heads > 1)
    for (size_t h = 0; h < heads; h++) {
      efla_tokens x = efla_stream_tokens(stream, h);
      efla_diagnosis_advance(d, h, &x);
      efla_progress_add(&progress, n);
    }
  }
  efla_progress_end(&progress);
  return status;
}

efla_status efla_diagnosis_file(efla_diagnosis *d, efla_tensors *file, const efla_decay *decay, size_t measure,
                                const efla_oracle *truth, efla_message *why) {
  efla_stream stream;
  const efla_walk walk = {
      .states = efla_stability_run_states(file->dk, file->dv), .decay = decay, .multiple = EFLA_STABILITY_RUN_BLOCK};
  efla_status status = efla_stream_init(&stream, file, &walk, why);
  if (status != EFLA_OK) return status;
  const efla_diagnosis_options what = {.sequences = file->sequences,
                                       .heads = file->heads,
                                       .dk = file->dk,
                                       .dv = file->dv,
                                       .slots = stream.most_heads,
                                       .measure = measure,
                                       .truth = truth,
                                       .decay = decay,
                                       .channels = stream.x.g_per_channel,
                                       .erase_key = stream.x.p.data != NULL};
  status = efla_diagnosis_init(d, &what, why);
  if (status == EFLA_OK) status = read_all(d, &stream, why);
  efla_stream_clear(&stream);
  return status;
}

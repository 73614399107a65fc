/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The laboratory, in reading order: for tests and for programs that want all of it. */
#ifndef LABORATORY_H
#define LABORATORY_H

#include "base/status.h" /* how functions fail */

#include "base/tokens.h"                        /* q, k, v, beta */
#include "efla/rule.h"                          /* a method is its phi: coefficients */
#include "efla/reference/recurrence.h"          /* the delta rule token by token */
#include "efla/cpu/chunk.h"                     /* ... and chunk by chunk */
#include "efla/cpu/kernel.h"                    /* ... at the machine's speed, for batches of heads */
#include "efla/reference/recurrence_backward.h" /* its derivative, naive */
#include "efla/cpu/backward.h"                  /* ... and at speed */
#include "efla/cpu/query.h"                     /* the last read-out without the state */
#include "ode/chunk_system.h"                   /* a chunk's system and its inverse */
#include "ode/chunk_form.h"                     /* ... and ways to solve it */
#include "ode/growth.h"                         /* saturation or blow-up */
#include "ode/ode.h"                            /* the delta rule as an ODE, by the textbook */
#include "ode/substeps.h"                       /* ... in substeps of a token */
#include "ode/zero_order_hold.h"                /* ... and when k, v truly move */
#include "ode/channel_decay.h"                  /* ... and with a decay per channel: splittings */
#include "ode/channel_exact.h"                  /* ... the exact flow */

#include "number/format.h"       /* number formats */
#include "number/storage.h"      /* what is stored in them */
#include "number/stored_run.h"   /* a method with its state in a format */
#include "number/forward.h"      /* a head from q, k, v, beta to o, in any form and format */
#include "number/rounding_law.h" /* the error that comes of it, predicted */

#include "io/idx.h"                   /* files of bytes */
#include "data/mnist.h"               /* real input */
#include "data/images.h"              /* digits to tell apart */
#include "data/image_perturbation.h"  /* ... and made hard to tell */
#include "io/tensors.h"               /* your own tensors */
#include "data/source.h"              /* input families */
#include "data/perturbation.h"        /* noise */
#include "data/recall.h"              /* associative recall */
#include "task/recall_trials.h"       /* ... perturbed, many times */
#include "task/recall_comparison.h"   /* ... compared with baselines */
#include "task/published_rule.h"      /* names of published rules */
#include "data/signal.h"              /* smooth k(t), v(t) */
#include "diagnose/stability_limit.h" /* limits of stability on them */

#include "oracle/oracle.h"      /* what is true, and how sure we are */
#include "oracle/odeiv.h"       /* the ODE for moving k, v */
#include "oracle/reference.h"   /* errors along a stream */
#include "oracle/exponential.h" /* ... and of one matrix exponential */
#include "oracle/channel.h"     /* the same for decay per channel */

#include "run/forward_stream.h"        /* a tensor file from end to end */
#include "run/lockstep.h"              /* runs of several methods and formats beside oracles */
#include "run/stability_point.h"       /* rates and limits of stability, predicted and measured */
#include "run/channel_run.h"           /* schemes for decay per channel beside an oracle */
#include "stats/quantiles.h"           /* distributions in bounded memory */
#include "diagnose/statistics.h"       /* what is found about a head */
#include "diagnose/token_statistics.h" /* ... from its tokens */
#include "diagnose/stability_run.h"    /* ... from runs */
#include "diagnose/diagnosis.h"        /* is your model in the region where the delta rule is unstable? */
#include "diagnose/diagnosis_report.h" /* ... in words and numbers */
#include "check/kernel_check.h"        /* is a kernel right? */
#include "check/kernel_check_report.h" /* ... in words and numbers */
#include "bench/panel.h"               /* how fast it is */
#include "bench/baseline_rate.h"       /* ... beside BLAS */

#include "nn/model.h"           /* a classifier of sequential images */
#include "nn/gelu.h"            /* GELU by vectors */
#include "nn/layers.h"          /* its layers, forward and backward */
#include "nn/readout.h"         /* its delta rule, with the state or without */
#include "nn/classifier.h"      /* all of it */
#include "train/adamw.h"        /* the rule that trains it */
#include "train/training.h"     /* batches, epochs, evaluations */
#include "train/checkpoint.h"   /* what survives an interruption */
#include "train/training_run.h" /* a training brought to its end */
#include "train/activations.h"  /* what it has learned to write */
#include "train/study.h"        /* many of them */
#include "train/study_share.h"  /* ... by several processes */
#include "train/study_speed.h"  /* ... how fast */

#include "stats/effects.h"      /* what a difference between trained models is due to */
#include "stats/effects_text.h" /* ... in words */

#include "app/cli.h"        /* command line */
#include "app/sweep.h"      /* combinations of what lists hold */
#include "app/progress.h"   /* progress on standard error */
#include "stats/interval.h" /* means with intervals */
#include "stats/slope.h"    /* power laws */
#include "app/figure.h"     /* pictures */
#include "io/output.h"      /* files that are there whole or not at all */
#include "io/lock.h"        /* one process at a time on a file */
#include "app/column.h"     /* what columns mean */
#include "app/table.h"      /* results */
#include "io/csv.h"         /* ... and read back */
#include "app/program.h"    /* the frame of an experiment */
#include "app/provenance.h" /* version, commit, machine */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All headers of the laboratory, in reading order: for tests and programs. */
#ifndef LABORATORY_H
#define LABORATORY_H

#include "base/status.h"        /* status and message of functions that can fail */
#include "base/draw.h"          /* short streams of random numbers */
#include "base/memory_stream.h" /* texts in memory */
#include "base/ranks.h"         /* what ranks do together */

#include "base/tokens.h"                        /* q, k, v, beta of a block of tokens */
#include "efla/rule.h"                          /* methods, decays, key treatments; coefficients */
#include "efla/reference/recurrence.h"          /* the delta rule token by token */
#include "efla/cpu/chunk.h"                     /* ... chunk by chunk */
#include "efla/cpu/kernel.h"                    /* ... optimised, for batches of heads */
#include "efla/reference/recurrence_backward.h" /* its derivative, token by token */
#include "efla/cpu/backward.h"                  /* ... optimised */
#include "efla/cpu/query.h"                     /* the readout of the last token without the state */
#include "ode/chunk_system.h"                   /* the triangular system of a chunk, and its inverse */
#include "ode/chunk_form.h"                     /* ... ways to solve it */
#include "ode/growth.h"                         /* growth rates of the product of transitions */
#include "ode/step_factors.h"                   /* what one step does across and along its key */
#include "ode/ode.h"                            /* the delta rule as an ODE, by Runge-Kutta methods */
#include "ode/substeps.h"                       /* ... in substeps of a token */
#include "ode/zero_order_hold.h"                /* ... with k and v that change within a token */
#include "ode/channel_decay.h"                  /* ... with a decay per channel, by splittings */
#include "ode/channel_exact.h"                  /* ... by the exact flow */

#include "number/format.h"       /* number formats */
#include "number/storage.h"      /* which quantities are stored in them */
#include "number/stored_run.h"   /* a method with its state in a format */
#include "number/forward.h"      /* a head from q, k, v, beta to o, in any form and format */
#include "number/rounding_law.h" /* the predicted rounding error */

#include "io/packed.h"                /* files of bytes, plain or compressed */
#include "io/idx.h"                   /* ... with a header (MNIST) */
#include "data/token_task.h"          /* synthetic tasks on tokens */
#include "data/mqar.h"                /* ... recall of many queries */
#include "data/mad.h"                 /* ... the tasks of MAD */
#include "data/text.h"                /* texts as bytes */
#include "data/judgement.h"           /* ... and texts to judge language models on */
#include "data/mnist.h"               /* MNIST as keys and values */
#include "data/images.h"              /* labelled images of digits */
#include "data/image_perturbation.h"  /* ... perturbations of them */
#include "io/file_decay.h"            /* the decay that they suggest */
#include "io/tensors.h"               /* tensor files: q, k, v, beta in HDF5, .npz, safetensors */
#include "data/source.h"              /* input families */
#include "data/perturbation.h"        /* perturbations of keys and values */
#include "data/recall.h"              /* associative recall */
#include "task/effect_table.h"        /* effects as a table */
#include "task/recall_trials.h"       /* ... repeated under perturbations */
#include "task/recall_comparison.h"   /* ... compared with baselines */
#include "task/published_rule.h"      /* names of published rules */
#include "task/text_layer_rows.h"     /* language models of bytes: what the rule reads */
#include "task/text_generation.h"     /* ... texts that they continue */
#include "task/text_study.h"          /* ... trainings and their results */
#include "task/token_study.h"         /* ... on synthetic tasks */
#include "task/image_study.h"         /* classifiers of images: trainings and their results */
#include "task/image_activations.h"   /* ... what the rule reads */
#include "task/image_speed.h"         /* ... the speed of training */
#include "task/scaling.h"             /* what many ranks gain: a model, and real messages */
#include "task/scaling_pieces.h"      /* ... its costs, measured */
#include "data/signal.h"              /* band-limited k(t), v(t) */
#include "diagnose/stability_limit.h" /* limits of stability on an input family */

#include "oracle/oracle.h"      /* ground truths that state their own error */
#include "oracle/odeiv.h"       /* ... of the ODE with k and v that change within a token */
#include "oracle/reference.h"   /* errors against an oracle along a stream */
#include "oracle/exponential.h" /* oracles of one matrix exponential */
#include "oracle/channel.h"     /* the same for decay per channel */

#include "run/forward_stream.h"        /* a forward pass through a tensor file */
#include "run/block_forward.h"         /* ... with g per channel or an erase key */
#include "run/lockstep.h"              /* runs of several methods and formats beside oracles */
#include "run/chunk_problem.h"         /* one chunk, for the forms of chunks */
#include "run/error_parts.h"           /* ... what the error of one consists of */
#include "run/stability_point.h"       /* rates and limits of stability, predicted and measured */
#include "run/channel_run.h"           /* schemes for decay per channel beside an oracle */
#include "run/decay_comparison.h"      /* joint, split and retention beside the exact joint flow */
#include "stats/quantiles.h"           /* distributions in bounded memory */
#include "diagnose/statistics.h"       /* statistics of a head */
#include "diagnose/token_statistics.h" /* ... from its tokens */
#include "diagnose/stability_run.h"    /* ... from runs */
#include "diagnose/diagnosis.h"        /* which methods are stable on given tokens */
#include "diagnose/diagnosis_report.h" /* ... as text, JSON and table */
#include "check/gradient_check.h"      /* gradients compared with the exact ones */
#include "check/awkward.h"             /* inputs on which kernels have gone wrong */
#include "check/kernel_check.h"        /* comparison of a kernel's outputs with the exact result */
#include "check/kernel_check_report.h" /* ... as text and table */
#include "bench/panel.h"               /* timing of benchmark cases */
#include "bench/baseline_rate.h"       /* the rate of BLAS */

#include "nn/model.h"         /* the classifier of sequential images: parameters */
#include "nn/gelu.h"          /* vectorised GELU */
#include "nn/layers.h"        /* layers, forward and backward */
#include "nn/readout.h"       /* the delta rule, with the state or without */
#include "nn/classifier.h"    /* the classifier, forward and backward */
#include "train/adamw.h"      /* the optimiser */
#include "train/checkpoint.h" /* checkpoints in HDF5 */
#include "train/trainer.h"    /* trains whatever has a gradient */
#include "train/training.h"   /* ... to the end, evaluated on the way, with checkpoints */
#include "train/study.h"      /* many of these */

#include "stats/effects.h"      /* effects of method, keys and learning rate on trained models */
#include "stats/power.h"        /* what a test of so many values sees */
#include "stats/effects_text.h" /* ... as text */

#include "app/cli.h"        /* command line */
#include "app/sweep.h"      /* combinations of several lists of values */
#include "app/progress.h"   /* progress on standard error */
#include "stats/interval.h" /* means with confidence intervals */
#include "stats/slope.h"    /* slopes of power laws */
#include "app/figure.h"     /* pictures by gnuplot */
#include "io/arrays_save.h" /* ... any arrays, written */
#include "io/output.h"      /* output files that are complete or absent */
#include "io/lock.h"        /* a lock on a file between processes */
#include "app/column.h"     /* descriptions of columns */
#include "app/table.h"      /* tables with provenance */
#include "io/csv.h"         /* ... read back */
#include "app/collect.h"    /* rows and results of work items dealt over ranks */
#include "app/program.h"    /* main function of the programs */
#include "app/provenance.h" /* version, commit, machine */

#endif

/* The public interface, in reading order. */
#ifndef EFLA_H
#define EFLA_H

#include "status.h" /* how functions fail */

#include "flow/tokens.h"              /* q, k, v, beta */
#include "flow/method.h"              /* a method is its phi: gates */
#include "flow/recurrence.h"          /* the delta rule token by token */
#include "flow/chunk.h"               /* ... and chunk by chunk */
#include "flow/kernel.h"              /* ... at the machine's speed, for batches of heads */
#include "flow/recurrence_backward.h" /* its derivative, naive */
#include "flow/backward.h"            /* ... and at speed */
#include "flow/query.h"               /* the last read-out without the state */
#include "flow/growth.h"              /* saturation or blow-up */
#include "flow/ode.h"                 /* the delta rule as an ODE, by the textbook */
#include "flow/hold.h"                /* ... and when k, v truly move */

#include "precision/format.h"  /* number formats */
#include "precision/run.h"     /* a method with its state in a format */
#include "precision/forward.h" /* a head from q, k, v, beta to o, in any form and format */
#include "precision/drift.h"   /* the error that comes of it, predicted */

#include "inputs/idx.h"                /* files of bytes */
#include "inputs/mnist.h"              /* real input */
#include "inputs/images.h"             /* digits to tell apart */
#include "inputs/image_perturbation.h" /* ... and made hard to tell */
#include "inputs/tensors.h"            /* your own tensors */
#include "inputs/source.h"             /* input families */
#include "inputs/perturbation.h"       /* noise */
#include "inputs/recall.h"             /* associative recall */
#include "inputs/trials.h"             /* ... perturbed, many times */
#include "inputs/signal.h"             /* smooth k(t), v(t) */
#include "inputs/rate.h"               /* limits of stability on them */

#include "truth/oracle.h"    /* what is true, and how sure we are */
#include "truth/odeiv.h"     /* the ODE for moving k, v */
#include "truth/reference.h" /* errors along a stream */

#include "judge/pass.h"             /* a tensor file from end to end */
#include "judge/quantiles.h"        /* distributions in bounded memory */
#include "judge/findings.h"         /* what is found about a head */
#include "judge/survey.h"           /* ... from its tokens */
#include "judge/trial.h"            /* ... from runs */
#include "judge/diagnosis.h"        /* is your model in the region where the delta rule is unstable? */
#include "judge/diagnosis_report.h" /* ... in words and numbers */
#include "judge/inquiry.h"          /* is a kernel right? */
#include "bench/panel.h"            /* how fast it is */
#include "bench/rate.h"             /* ... beside BLAS */

#include "learn/model.h"      /* a classifier of sequential images */
#include "learn/layers.h"     /* its layers, forward and backward */
#include "learn/reading.h"    /* its delta rule, with the state or without */
#include "learn/classifier.h" /* all of it */
#include "learn/adamw.h"      /* the rule that trains it */
#include "learn/training.h"   /* batches, epochs, exams */
#include "learn/checkpoint.h" /* what survives an interruption */
#include "learn/course.h"     /* a training brought to its end */
#include "learn/inspection.h" /* what it has learned to write */
#include "learn/study.h"      /* many of them */

#include "learn/effects.h" /* what a difference between trained models is due to */

#include "report/cli.h"        /* command line */
#include "report/progress.h"   /* patience */
#include "report/interval.h"   /* means with intervals */
#include "report/figure.h"     /* pictures */
#include "report/output.h"     /* files that are there whole or not at all */
#include "report/lock.h"       /* one process at a time on a file */
#include "report/table.h"      /* results */
#include "report/program.h"    /* the frame of an experiment */
#include "report/provenance.h" /* version, commit, machine */

#endif

/* SPDX-License-Identifier: MIT */
/* The public interface of libefla, in reading order: the delta rule of linear attention, solved exactly or by
 * any one-step method (arXiv 2512.12602). Each of these headers can also be included alone. */
#ifndef EFLA_EFLA_H
#define EFLA_EFLA_H

#include "efla/version.h"      /* of headers and library */
#include "efla/status.h"       /* error codes */
#include "efla/array.h"        /* data, type, strides */
#include "efla/rule.h"         /* method, decay, keys: the three coefficients of a step */
#include "efla/sequence.h"     /* one batch of sequences: what is read and written */
#include "efla/backend.h"      /* how it is computed */
#include "efla/forward.h"      /* all tokens of a batch */
#include "efla/backward.h"     /* their derivative */
#include "efla/decode.h"       /* one token at a time */
#include "efla/communicator.h" /* several processes */
#include "efla/scan.h"         /* sequences over them */

#endif

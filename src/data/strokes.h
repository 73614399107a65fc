/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Digits as a hand would write them: strokes of a pen, a little different each time.
 *
 * Each digit has two ways to be written, lists of points through which the pen goes along a Catmull-Rom spline.  A hand
 * moves every point by chance, and all of them by a smooth wave and by a linear map (slant, turn, width); the pen's
 * width varies along the stroke.  As in MNIST the digit is then fitted into a box inside the image; unlike there, the
 * box varies in size and place. */
#ifndef EFLA_DATA_STROKES_H
#define EFLA_DATA_STROKES_H

#include <gsl/gsl_rng.h>
#include <stddef.h>

/* Draws digit 0 ... 9 by numbers from `draw`: pixels (28 x 28), row by row, 0 for background to 255 for foreground. */
void efla_strokes_draw(size_t digit, gsl_rng *draw, unsigned char *pixels);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Synthetic handwritten digits, for runs without MNIST.
 *
 * Each digit has two templates: strokes given by control points of Catmull-Rom splines.  For an image the control
 * points are displaced by independent noise, by a smooth wave and by a random linear map (width, slant, rotation), and
 * the line width varies along the stroke.  As in MNIST the digit is scaled to a box inside the image; unlike there, the
 * size and the place of the box are random. */
#ifndef EFLA_DATA_STROKES_H
#define EFLA_DATA_STROKES_H

#include <gsl/gsl_rng.h>
#include <stddef.h>

/* Draws a digit 0 ... 9 with random numbers from `draw`: pixels (28 x 28), row-major, 0 for background to 255 for
 * foreground. */
void efla_strokes_draw(size_t digit, gsl_rng *draw, unsigned char *pixels);

#endif

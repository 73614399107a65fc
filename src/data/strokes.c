/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/strokes.h"

#include "data/mnist.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>

enum { SIDE = EFLA_MNIST_SIDE, TEMPLATES = 2, STROKES = 2, POINTS = 14, HEIGHT = 20, STEPS = 5 };

/* Control points x (to the right), y (downwards, > 0), x, y, ... in a box of about 14 x HEIGHT; zeros after the last
 * one. */
typedef double stroke[2 * POINTS];

typedef struct point {
  double x, y, half_width; /* half_width: of the line */
} point;

typedef struct digit_shape {
  size_t n[STROKES];
  point at[STROKES][POINTS];
} digit_shape;

static const stroke templates[EFLA_MNIST_CLASSES][TEMPLATES][STROKES] = {
    /* 0: round; narrow, its end overlaps its beginning */
    {{{7, .5, 3.5, 2.5, 1.5, 7, 1.3, 12, 3, 17.5, 6.5, 19.7, 10.5, 18, 12.7, 13, 12.8, 8, 11, 3, 7.5, .6, 6, .8}},
     {{9.5, 2, 6, 1, 3.5, 5, 2.5, 11, 3.5, 17, 6.5, 19.5, 9.5, 17, 11, 11, 10.5, 5, 8.5, 1.2, 5.5, 2.2}}},
    /* 1: a line; with flag and base */
    {{{7, .5, 7, 6.5, 7, 13, 7, 19.5}}, {{3.5, 5, 7.4, .5, 7.6, 1.2, 7.4, 10, 7.3, 19.5}, {3.5, 19.5, 11, 19.5}}},
    /* 2: pointed below; with a loop */
    {{{2, 4.5, 4, 1.2, 8, .5, 11.3, 3, 11, 7.5, 7, 13, 2, 19, 2.4, 19.3, 7, 19, 13, 19}},
     {{2.5, 4,    5,   .8,   9, 1,  11,  4.5, 9.5,  9.5,  5.5,  15.5,
       2.5, 18.6, 1.5, 16.8, 4, 16, 7.5, 18,  10.5, 19.5, 13.5, 18.2}}},
    /* 3: round; flat on top */
    {{{2, 2.5, 6, .5, 10.5, 2, 10.5, 6, 6.5, 9, 5.5, 9.3, 6.5, 9.4, 11, 11.5, 12, 15.5, 9, 19, 5, 19.6, 1.5, 17.5}},
     {{2,   1,   7,  1,    11.5, .8,   11.3, 1.5,  8,   5.5,  5.5, 8.5,
       6.5, 8.7, 11, 10.5, 12.2, 14.5, 9.5,  18.7, 5.5, 19.7, 1.5, 18}}},
    /* 4: open; closed */
    {{{3, 1, 2.2, 6, 2, 10.5, 2.6, 11.2, 7, 11, 12, 10.3}, {11, 1, 10.5, 8, 10, 14, 9.7, 19.5}},
     {{9, .5, 5, 6, 1, 12.5, 1.5, 13.2, 7, 13, 13.5, 12.6}, {9.3, .6, 9.3, 7, 9.2, 13, 9.2, 19.5}}},
    /* 5: the top bar as a second stroke; in one stroke */
    {{{3, 1, 2.6, 5, 2.4, 8.6, 2.8, 8.8, 6.5, 7.6, 11, 9.5, 12, 14, 9.5, 18.5, 5.5, 19.6, 1.8, 17.8},
      {3, 1, 7.5, 1.2, 12, .6}},
     {{12,  .8, 7.5, 1,    4.2, 1.3,  3.9,  1.9, 3.3, 5,   3,    8, 3.5,
       8.3, 7,  8.2, 10.5, 11,  10.5, 15.5, 7.5, 19,  3.5, 19.6, 1, 18.6}}},
    /* 6: curved; upright */
    {{{10.5, .8, 6, 4, 3, 9, 2, 14, 3.5, 18.5, 7, 19.6, 11, 17.5, 11.7, 13.8, 9, 11, 5.5, 12, 2.8, 15.5}},
     {{5.5, .5, 3.8, 5, 2.8, 10, 2.8, 15.5, 5, 19.3, 9, 19, 11.3, 15.5, 10, 12, 7, 11.2, 4, 13.2, 3, 16.5}}},
    /* 7: plain; with a bar */
    {{{1.5, 2, 2, 1.3, 7, 1.4, 12.3, 1, 12.4, 1.7, 9.5, 7, 7, 13, 5.5, 19.6}},
     {{1.5, 3, 4.5, 1.5, 8, 1.8, 12.3, .8, 12.3, 1.5, 10, 6.5, 8.2, 12, 7.6, 19.6}, {4.5, 10.5, 8.5, 10, 12.5, 9.8}}},
    /* 8: in one stroke; two rings */
    {{{11,   2.8, 7.5,  .5, 3.5,  2.3, 3.5,  6,   7,   9.3,  11,  12.8, 11.3,
       16.8, 7.5, 19.6, 3,  17.8, 2.8, 13.5, 6.5, 9.8, 10.5, 6.5, 11.3, 3.5}},
     {{7, .5, 3.8, 2.2, 3.6, 6.2, 6.8, 8.8, 10.4, 6.4, 10.4, 2.4, 7, .5},
      {7, 8.8, 2.9, 11.5, 2.3, 16, 6.8, 19.6, 11.5, 16.3, 11.2, 11.6, 7, 8.8}}},
    /* 9: with a straight stem; with a curved one */
    {{{11, 3.5, 7.5, .6, 3.3, 2.5, 2.3, 6.5, 5, 9.5, 9, 8.3, 11.2, 4, 11.3, 3, 11, 9, 10.6, 14, 10.3, 19.5}},
     {{11.2, 4.5, 8, .7, 3.5, 2, 2.3, 6.2, 5, 9.3, 9.3, 8, 11.3, 4.2, 11.5, 4, 11.5, 10, 10.2, 16, 7, 19.3, 3, 18.8}}},
};

/* Parameters of the distortions (standard deviations, lengths in pixels), chosen so that the images resemble MNIST:
 * .20 of the pixels are foreground (MNIST: .19), the mean pixel is .13 (.13), and the nearest class mean is the right
 * one for .79 of the images (.82). */
static const double point_noise = .4, width_noise = .12; /* of control points; of the line width there, relative */
static const double thinnest = .75, thickest = 1.6, edge = 1.2;    /* half the line width; width of its blurred edge */
static const double wave_size = 1, wave_count = .6;                /* amplitude of the wave; waves per HEIGHT */
static const double slant = .25, slant_spread = .22;               /* mean and deviation */
static const double rotation = .12, width_spread = .18;            /* of the angle; of the logarithm of the width */
static const double smallest = 17, largest = 21, off_centre = 1.5; /* side of the box; its displacement at most */

static double gaussian(gsl_rng *draw, double deviation) { return gsl_ran_gaussian_ziggurat(draw, deviation); }

/* Every point i of every stroke s, in order. */
#define FOR_EACH_POINT(shape, s, i)                                                                                    \
  for (size_t s = 0; s < STROKES; s++)                                                                                 \
    for (size_t i = 0; i < (shape)->n[s]; i++)

/* The template's strokes with independent noise on control points and line widths. */
static void displace(digit_shape *d, const stroke *plan, gsl_rng *draw) {
  for (size_t s = 0; s < STROKES; s++)
    for (d->n[s] = 0; d->n[s] < POINTS && plan[s][2 * d->n[s] + 1] > 0;) d->n[s]++;
  double half_width = gsl_ran_flat(draw, thinnest, thickest);
  FOR_EACH_POINT(d, s, i) {
    double x = plan[s][2 * i] + gaussian(draw, point_noise), y = plan[s][2 * i + 1] + gaussian(draw, point_noise);
    d->at[s][i] = (point){x, y, half_width * fmax(0.5, 1 + gaussian(draw, width_noise))};
  }
}

/* Displaces all points by one sine wave of random amplitude, wave vector and phase. */
static void add_wave(digit_shape *d, gsl_rng *draw) {
  double size_x = gaussian(draw, wave_size), size_y = gaussian(draw, wave_size),
         phase = gsl_ran_flat(draw, 0, 2 * M_PI);
  double along_x = gaussian(draw, wave_count) * 2 * M_PI / HEIGHT,
         along_y = gaussian(draw, wave_count) * 2 * M_PI / HEIGHT;
  FOR_EACH_POINT(d, s, i) {
    point *p = &d->at[s][i];
    double moved = sin(along_x * p->x + along_y * p->y + phase);
    p->x += size_x * moved, p->y += size_y * moved;
  }
}

/* A linear map: width and slant to the right (y points downwards), then rotation. */
static void map_linearly(digit_shape *d, gsl_rng *draw) {
  double wide = exp(gaussian(draw, width_spread)), shear = slant + gaussian(draw, slant_spread),
         angle = gaussian(draw, rotation);
  double c = cos(angle), sn = sin(angle);
  FOR_EACH_POINT(d, s, i) {
    point *p = &d->at[s][i];
    double x = wide * p->x - shear * p->y, y = p->y;
    p->x = c * x - sn * y, p->y = sn * x + c * y;
  }
}

/* Scales the digit so that its longer side is that of the box, and moves it near the image's centre. */
static void fit(digit_shape *d, gsl_rng *draw) {
  double low_x = INFINITY, low_y = INFINITY, high_x = -INFINITY, high_y = -INFINITY;
  FOR_EACH_POINT(d, s, i) {
    const point *p = &d->at[s][i];
    low_x = fmin(low_x, p->x), high_x = fmax(high_x, p->x);
    low_y = fmin(low_y, p->y), high_y = fmax(high_y, p->y);
  }
  double scale = gsl_ran_flat(draw, smallest, largest) / fmax(high_x - low_x, high_y - low_y);
  double to_x = SIDE / 2. + gsl_ran_flat(draw, -off_centre, off_centre),
         to_y = SIDE / 2. + gsl_ran_flat(draw, -off_centre, off_centre);
  FOR_EACH_POINT(d, s, i) {
    point *p = &d->at[s][i];
    p->x = to_x + scale * (p->x - (low_x + high_x) / 2), p->y = to_y + scale * (p->y - (low_y + high_y) / 2);
  }
}

/* The range first ... last-1 of pixels along an axis within `reach` of the interval from a to b. */
static void span(double a, double b, double reach, int *first, int *last) {
  *first = (int)fmin(SIDE, fmax(0, floor(fmin(a, b) - reach)));
  *last = (int)fmin(SIDE, fmax(0, ceil(fmax(a, b) + reach)));
}

/* Draws a line segment: intensity falls from 1 to 0 over the length `edge` around half the line width; where lines
 * overlap the maximum is taken. */
static void draw_line(const point *a, const point *b, double *foreground) {
  int left, right, top, bottom;
  double reach = fmax(a->half_width, b->half_width) + edge / 2, dx = b->x - a->x, dy = b->y - a->y,
         square = dx * dx + dy * dy;
  span(a->x, b->x, reach, &left, &right);
  span(a->y, b->y, reach, &top, &bottom);
  for (int row = top; row < bottom; row++)
    for (int column = left; column < right; column++) {
      double x = column + .5 - a->x, y = row + .5 - a->y; /* from a to the pixel's centre */
      double along = square > 0 ? fmin(1, fmax(0, (x * dx + y * dy) / square)) : 0;
      double off_x = x - along * dx, off_y = y - along * dy, away = sqrt(off_x * off_x + off_y * off_y);
      double half_width = a->half_width + along * (b->half_width - a->half_width),
             intensity = (half_width - away) / edge + .5, *pixel = foreground + row * SIDE + column;
      *pixel = fmax(*pixel, fmin(1, intensity));
    }
}

/* Catmull-Rom spline from b at t = 0 to c at t = 1, with slopes (c - a)/2 and (d - b)/2 there. */
static double spline(double a, double b, double c, double d, double t) {
  return b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

static void draw_stroke(size_t n, const point *at, double *foreground) {
  for (size_t i = 0; i + 1 < n; i++) {
    const point *b = at + i, *c = b + 1, *a = i > 0 ? b - 1 : b, *d = i + 2 < n ? c + 1 : c;
    point from = *b;
    for (int step = 1; step <= STEPS; step++) {
      double t = (double)step / STEPS;
      point to = {spline(a->x, b->x, c->x, d->x, t), spline(a->y, b->y, c->y, d->y, t),
                  spline(a->half_width, b->half_width, c->half_width, d->half_width, t)};
      draw_line(&from, &to, foreground);
      from = to;
    }
  }
}

void efla_strokes_draw(size_t digit, gsl_rng *draw, unsigned char *pixels) {
  assert(digit < EFLA_MNIST_CLASSES);
  digit_shape shape;
  double foreground[SIDE * SIDE] = {0};
  displace(&shape, templates[digit][gsl_rng_uniform_int(draw, TEMPLATES)], draw);
  add_wave(&shape, draw);
  map_linearly(&shape, draw);
  fit(&shape, draw);
  for (size_t s = 0; s < STROKES; s++) draw_stroke(shape.n[s], shape.at[s], foreground);
  for (size_t p = 0; p < SIDE * SIDE; p++) pixels[p] = (unsigned char)(255 * foreground[p] + .5);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/strokes.h"

#include "data/mnist.h"

#include <assert.h>
#include <gsl/gsl_randist.h>
#include <math.h>

enum { SIDE = EFLA_MNIST_SIDE, WAYS = 2, STROKES = 2, POINTS = 14, HEIGHT = 20, STEPS = 5 };

/* Where the pen goes: x (to the right), y (down, > 0), x, y, ... in a box of about 14 x HEIGHT; zeros behind the last
 * place. */
typedef double stroke[2 * POINTS];

typedef struct point {
  double x, y, pen; /* half the width of the line there */
} point;

typedef struct writing {
  size_t n[STROKES];
  point at[STROKES][POINTS];
} writing;

static const stroke ways[EFLA_MNIST_CLASSES][WAYS][STROKES] = {
    /* 0: round; slender, its end over its beginning */
    {{{7, .5, 3.5, 2.5, 1.5, 7, 1.3, 12, 3, 17.5, 6.5, 19.7, 10.5, 18, 12.7, 13, 12.8, 8, 11, 3, 7.5, .6, 6, .8}},
     {{9.5, 2, 6, 1, 3.5, 5, 2.5, 11, 3.5, 17, 6.5, 19.5, 9.5, 17, 11, 11, 10.5, 5, 8.5, 1.2, 5.5, 2.2}}},
    /* 1: a line; with flag and foot */
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
    /* 5: with a roof of its own; at one go */
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
    /* 8: at one go; two rings */
    {{{11,   2.8, 7.5,  .5, 3.5,  2.3, 3.5,  6,   7,   9.3,  11,  12.8, 11.3,
       16.8, 7.5, 19.6, 3,  17.8, 2.8, 13.5, 6.5, 9.8, 10.5, 6.5, 11.3, 3.5}},
     {{7, .5, 3.8, 2.2, 3.6, 6.2, 6.8, 8.8, 10.4, 6.4, 10.4, 2.4, 7, .5},
      {7, 8.8, 2.9, 11.5, 2.3, 16, 6.8, 19.6, 11.5, 16.3, 11.2, 11.6, 7, 8.8}}},
    /* 9: with a straight stem; with a curved one */
    {{{11, 3.5, 7.5, .6, 3.3, 2.5, 2.3, 6.5, 5, 9.5, 9, 8.3, 11.2, 4, 11.3, 3, 11, 9, 10.6, 14, 10.3, 19.5}},
     {{11.2, 4.5, 8, .7, 3.5, 2, 2.3, 6.2, 5, 9.3, 9.3, 8, 11.3, 4.2, 11.5, 4, 11.5, 10, 10.2, 16, 7, 19.3, 3, 18.8}}},
};

/* The hand.  Chosen by measurement: 20 % of the pixels are drawn (MNIST: 19 %), the mean pixel is .13 (.13), and
 * nearest centroids get 79 % right (82 %). */
static const double trembling = .4, pressure = .12; /* deviation of a place, and of the pen's width there, relative */
static const double thinnest = .75, thickest = 1.6,
                    edge = 1.2;             /* pixels: half the pen's width; where foreground fades to background */
static const double waving = 1, waves = .6; /* deviation of a wave's size, and of waves a digit's height */
static const double slant = .25, slant_spread = .22;               /* mean and deviation */
static const double turn = .12, width_spread = .18;                /* deviations of an angle, of a width's logarithm */
static const double smallest = 17, largest = 21, off_centre = 1.5; /* pixels: the box's side; how far off it may be */

static double gaussian(gsl_rng *draw, double deviation) { return gsl_ran_gaussian_ziggurat(draw, deviation); }

/* Every point i of every stroke s, in order. */
#define FOR_EACH_POINT(w, s, i)                                                                                        \
  for (size_t s = 0; s < STROKES; s++)                                                                                 \
    for (size_t i = 0; i < (w)->n[s]; i++)

static void tremble(writing *w, const stroke *plan, gsl_rng *draw) {
  for (size_t s = 0; s < STROKES; s++)
    for (w->n[s] = 0; w->n[s] < POINTS && plan[s][2 * w->n[s] + 1] > 0;) w->n[s]++;
  double pen = gsl_ran_flat(draw, thinnest, thickest);
  FOR_EACH_POINT(w, s, i) {
    double x = plan[s][2 * i] + gaussian(draw, trembling), y = plan[s][2 * i + 1] + gaussian(draw, trembling);
    w->at[s][i] = (point){x, y, pen * fmax(0.5, 1 + gaussian(draw, pressure))};
  }
}

/* Moves every point along a wave whose direction, length and phase are the image's. */
static void wave(writing *w, gsl_rng *draw) {
  double size_x = gaussian(draw, waving), size_y = gaussian(draw, waving), phase = gsl_ran_flat(draw, 0, 2 * M_PI);
  double along_x = gaussian(draw, waves) * 2 * M_PI / HEIGHT, along_y = gaussian(draw, waves) * 2 * M_PI / HEIGHT;
  FOR_EACH_POINT(w, s, i) {
    point *p = &w->at[s][i];
    double moved = sin(along_x * p->x + along_y * p->y + phase);
    p->x += size_x * moved, p->y += size_y * moved;
  }
}

/* Width, slant (to the right, y being down), then turn. */
static void lean(writing *w, gsl_rng *draw) {
  double wide = exp(gaussian(draw, width_spread)), lean_by = slant + gaussian(draw, slant_spread),
         angle = gaussian(draw, turn);
  double c = cos(angle), sn = sin(angle);
  FOR_EACH_POINT(w, s, i) {
    point *p = &w->at[s][i];
    double x = wide * p->x - lean_by * p->y, y = p->y;
    p->x = c * x - sn * y, p->y = sn * x + c * y;
  }
}

/* Scales the writing so that its longer side is the box's, and puts it near the image's centre. */
static void fit(writing *w, gsl_rng *draw) {
  double low_x = INFINITY, low_y = INFINITY, high_x = -INFINITY, high_y = -INFINITY;
  FOR_EACH_POINT(w, s, i) {
    const point *p = &w->at[s][i];
    low_x = fmin(low_x, p->x), high_x = fmax(high_x, p->x);
    low_y = fmin(low_y, p->y), high_y = fmax(high_y, p->y);
  }
  double scale = gsl_ran_flat(draw, smallest, largest) / fmax(high_x - low_x, high_y - low_y);
  double to_x = SIDE / 2. + gsl_ran_flat(draw, -off_centre, off_centre),
         to_y = SIDE / 2. + gsl_ran_flat(draw, -off_centre, off_centre);
  FOR_EACH_POINT(w, s, i) {
    point *p = &w->at[s][i];
    p->x = to_x + scale * (p->x - (low_x + high_x) / 2), p->y = to_y + scale * (p->y - (low_y + high_y) / 2);
  }
}

/* The pixels first ... last-1 of an axis that a line from a to b can draw on, `reach` wide on either side. */
static void span(double a, double b, double reach, int *first, int *last) {
  *first = (int)fmin(SIDE, fmax(0, floor(fmin(a, b) - reach)));
  *last = (int)fmin(SIDE, fmax(0, ceil(fmax(a, b) + reach)));
}

/* Ink falls from 1 to 0 over `edge` about half the pen's width; where lines cross the darker one is seen. */
static void draw_line(const point *a, const point *b, double *foreground) {
  int left, right, top, bottom;
  double reach = fmax(a->pen, b->pen) + edge / 2, dx = b->x - a->x, dy = b->y - a->y, square = dx * dx + dy * dy;
  span(a->x, b->x, reach, &left, &right);
  span(a->y, b->y, reach, &top, &bottom);
  for (int row = top; row < bottom; row++)
    for (int column = left; column < right; column++) {
      double x = column + .5 - a->x, y = row + .5 - a->y; /* from a to the pixel's centre */
      double along = square > 0 ? fmin(1, fmax(0, (x * dx + y * dy) / square)) : 0;
      double off_x = x - along * dx, off_y = y - along * dy, away = sqrt(off_x * off_x + off_y * off_y);
      double shade = (a->pen + along * (b->pen - a->pen) - away) / edge + .5, *pixel = foreground + row * SIDE + column;
      *pixel = fmax(*pixel, fmin(1, shade));
    }
}

/* Catmull-Rom: from b to c, with the slopes (c - a)/2 and (d - b)/2 there. */
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
                  spline(a->pen, b->pen, c->pen, d->pen, t)};
      draw_line(&from, &to, foreground);
      from = to;
    }
  }
}

void efla_strokes_draw(size_t digit, gsl_rng *draw, unsigned char *pixels) {
  assert(digit < EFLA_MNIST_CLASSES);
  writing w;
  double foreground[SIDE * SIDE] = {0};
  tremble(&w, ways[digit][gsl_rng_uniform_int(draw, WAYS)], draw);
  wave(&w, draw);
  lean(&w, draw);
  fit(&w, draw);
  for (size_t s = 0; s < STROKES; s++) draw_stroke(w.n[s], w.at[s], foreground);
  for (size_t p = 0; p < SIDE * SIDE; p++) pixels[p] = (unsigned char)(255 * foreground[p] + .5);
}

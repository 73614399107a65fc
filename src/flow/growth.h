/* Growth of what a run forgets: the homogeneous product of transitions (I - a_t k_t k_t^T) acting on a vector.
 *
 * Its mean logarithmic rate per token is what decides between saturation and blow-up: below zero an error made now
 * fades, above zero it wins. */
#ifndef EFLA_FLOW_GROWTH_H
#define EFLA_FLOW_GROWTH_H

#include <stddef.h>

/* Expected log growth of a vector under one token whose key points in a uniformly random direction and multiplies what
 * lies along it by R: E log(1 + (R^2 - 1) c^2)/2, where c^2 ~ Beta(1/2, (dk-1)/2) is the squared cosine between both.
 */
double efla_growth_isotropic(size_t dk, double R);

/* w <- (I - a k k^T) w, scaled back to norm one; returns the logarithm of the norm it had.  k, w (dk), |w| = 1 on
 * entry.  Where nothing is left (-inf) or the norm overflows (inf, nan), w starts again as the first unit vector. */
double efla_growth_step(size_t dk, const double *k, double a, double *w);

#endif

# SPDX-License-Identifier: GPL-3.0-or-later
# Associative recall under perturbations.
width = 1800
height = 1300
load 'plots/style.gp'
perturbations = values('perturbation', '')
real_input = header('family') eq 'mnist'
what = real_input ? 'digit rows, asked by the row above' : 'Gaussian keys and values'
set multiplot layout 3,5 margins 0.04,0.985,0.085,0.93 spacing 0.032,0.1 \
  title 'Is recall with the exact coefficient more robust?  Accuracy for '.header('pairs').' pairs ('.what.'), each method with its best β, side by side' font ',16'
unset key
set format x '%g'
set format y '%g'
set ytics 0.2
set yrange [0:1.03]
ways = 'exact:raw exact:unit euler:raw euler:unit rk2:raw rk4:raw implicit:raw'
name(w) = w eq 'exact:raw' ? 'EFLA: exact, raw keys' : w eq 'exact:unit' ? 'exact, unit keys' : w eq 'euler:raw' ? 'Euler, raw keys' : \
  w eq 'euler:unit' ? 'DeltaNet: Euler, unit keys' : w eq 'implicit:raw' ? 'Longhorn: implicit, raw keys' : (w eq 'rk2:raw' ? 'RK2' : 'RK4').', raw keys'
method(w) = w[1:strstrt(w, ':') - 1]
keys(w) = w[strstrt(w, ':') + 1:*]
level(p) = p eq 'dropout' ? 'share of entries set to zero' : p eq 'scaling' ? 'factor on keys and values' : p eq 'burst' ? 'factor on a tenth of the tokens' : \
  p eq 'sign_flips' ? 'share of entries flipped' : p eq 'quantisation' ? 'bits' : 'size of the noise relative to the input'
title_of(p) = p eq 'noise_keys' ? 'Gaussian noise on keys' : p eq 'noise_values' ? 'Gaussian noise on values' : p eq 'noise_both' ? 'Gaussian noise on both' : \
  p eq 'burst' ? 'a burst of large tokens' : p eq 'sign_flips' ? 'flipped signs' : p eq 'pink_noise' ? '1/f noise along the tokens' : p eq 'brown_noise' ? '1/f^2'.blank.'noise along the tokens' : p
dash(w) = keys(w) eq 'unit' ? 2 : 1
point(w) = keys(w) eq 'unit' ? 6 : 7
i = 0
do for [p in perturbations] {
  i = i + 1
  set title title_of(p)
  set xlabel level(p)
  set ylabel (i % 5 == 1 ? 'share of values recognised' : '')
  least = p eq 'dropout' ? 0.05 : p eq 'burst' ? 1.5 : p eq 'sign_flips' ? 0 : p eq 'quantisation' ? 0.5 : 0.08
  most = p eq 'dropout' ? 0.85 : p eq 'scaling' ? 25 : p eq 'burst' ? 60 : p eq 'sign_flips' ? 0.32 : p eq 'quantisation' ? 6.5 : 2.5
  unset logscale x
  set xrange [least:most]
  steps_by_factors = p eq 'scaling' || p eq 'burst' || p[1:5] eq 'noise' || p eq 'pink_noise' || p eq 'brown_noise'
  if (steps_by_factors) { set logscale x }
  apart = words(values('level', 'perturbation='.p)) > 1 ? 0.005 : 0.03   # points of one level side by side, in parts of the axis
  beside(i) = apart * (i - 0.5 * (words(ways) + 1))
  at(level, i) = steps_by_factors ? level * (most / least)**beside(i) : level + (most - least) * beside(i)
  of(w) = pick('perturbation='.p.' step=tuned method='.method(w).' keys='.keys(w))
  plot for [i=1:words(ways)] of(word(ways, i)) using (at(column('level'), i)):'accuracy_low':(0):(column('accuracy_high') - column('accuracy_low')) \
      @interval lc rgb '#'.colour(method(word(ways, i))), \
    for [i=1:words(ways)] of(word(ways, i)) using (at(column('level'), i)):'accuracy' \
      with linespoints ls row(method(word(ways, i))) dt dash(word(ways, i)) pt point(word(ways, i))
}
unset logscale x
# paired differences at the same step and at each one's best, against two rivals
set ytics autofreq
set yrange [-0.25:*]
set xzeroaxis lc rgb theory
set style fill solid 0.7 noborder
unset xlabel
set xtics rotate by 35 right font ',9' noenhanced
set boxwidth 0.35
rivals = 'euler:unit implicit:raw'
mean_difference(step, m, k) = sprintf("< awk -F, 'BEGIN { print \"name,value\" } /^#/ || $1 == \"perturbation\" { next } $3 == \"%s\" && $4 == \"%s\" && $5 == \"%s\" { if (!($1 in n)) order[++names] = $1; n[$1]++; s[$1] += $16 } END { for (i = 1; i <= names; i++) print order[i] \",\" s[order[i]] / n[order[i]] }' '%s'", m, k, step, table)
do for [r in rivals] {
  set title 'EFLA minus '.(r eq 'euler:unit' ? 'DeltaNet' : 'Longhorn').', accuracy, mean over levels'
  set ylabel ''
  set xrange [0.3:words(perturbations) + 0.7]
  set yrange [*:*]
  plot mean_difference('same', method(r), keys(r)) using ($0 + 0.82):2:xtic(1) with boxes lc rgb '#cccccc', \
    mean_difference('tuned', method(r), keys(r)) using ($0 + 1.18):2 with boxes lc rgb '#0072b2'
}
unset xzeroaxis
set title 'thin: 95 % bootstrap intervals of '.header('trials').' trials'
entries = words(ways) + 2
load 'plots/legend.gp'
set key samplen 8
plot for [w in ways] NaN with linespoints ls row(method(w)) dt dash(w) pt point(w) title name(w), \
  NaN with boxes lc rgb '#cccccc' title 'bars: β = '.header('beta').' for all', \
  NaN with boxes lc rgb '#0072b2' title 'bars: each with its best β'
unset multiplot

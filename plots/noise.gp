# SPDX-License-Identifier: GPL-3.0-or-later
# Associative recall under perturbations.
width = 1800
height = 1300
load 'plots/style.gp'
perturbations = values('perturbation', '')
what = header('family') eq 'mnist' ? 'digit rows, asked by the row above' : 'Gaussian keys and values'
set multiplot layout 3,5 margins 0.04,0.985,0.085,0.93 spacing 0.032,0.1 \
  title 'Is recall with the exact coefficient more robust?  Accuracy for '.header('pairs').' pairs ('.what.'), each method with its best β, side by side' font ',16'
unset key
set format x '%g'
set format y '%g'
set ytics 0.2
set yrange [0:1.03]
configs = 'exact:raw exact:unit euler:raw euler:unit rk2:raw rk4:raw implicit:raw'
method(c) = c[1:strstrt(c, ':') - 1]
keys(c) = c[strstrt(c, ':') + 1:*]
where(c, step) = first_decay('method='.method(c).' keys='.keys(c).' step='.step)
known_as(c) = values('known_as', where(c, 'same'))
name(c) = (known_as(c) eq '-' ? '' : known_as(c).': ').method(c).', '.keys(c).' keys'
dash(c) = keys(c) eq 'unit' ? 2 : 1
point(c) = keys(c) eq 'unit' ? 6 : 7
i = 0
do for [p in perturbations] {
  i = i + 1
  set title superscript(header('perturbation '.p))
  set xlabel header('level of '.p)
  set ylabel (i % 5 == 1 ? label('accuracy') : '')
  rows = 'study=level perturbation='.p
  levels = values('level', rows)
  several = words(levels) > 1
  low = smallest('level', rows)
  high = largest('level', rows)
  by_factors = header('axis of '.p) eq 'logarithmic'
  margin = by_factors ? (several ? (high / low)**0.08 : 2) : (several ? 0.08 * (high - low) : 0.5 * low)
  least = by_factors ? low / margin : low - margin
  most = by_factors ? high * margin : high + margin
  unset logscale x
  set xrange [least:most]
  if (by_factors) { set logscale x }
  set xtics ()
  do for [l in levels] { set xtics add (sprintf('%g', real(l)) real(l)) }
  apart = several ? 0.005 : 0.03   # points of one level side by side, in parts of the axis
  beside(i) = apart * (i - 0.5 * (words(configs) + 1))
  at(level, i) = by_factors ? level * (most / least)**beside(i) : level + (most - least) * beside(i)
  of(c) = pick(rows.' '.where(c, 'tuned'))
  plot for [i=1:words(configs)] of(word(configs, i)) using (at(column('level'), i)):'accuracy_low':(0):(column('accuracy_high') - column('accuracy_low')) \
      @interval lc rgb '#'.colour(method(word(configs, i))), \
    for [i=1:words(configs)] of(word(configs, i)) using (at(column('level'), i)):'accuracy' \
      with linespoints ls row(method(word(configs, i))) dt dash(word(configs, i)) pt point(word(configs, i))
}
unset logscale x
# paired differences at the same step and at each one's best, against the other published rules
set ytics autofreq
set yrange [*:*]
set xzeroaxis lc rgb theory
set style fill solid 0.5 noborder
unset xlabel
unset ylabel
set xrange [0.3:words(perturbations) + 0.7]
set xtics () rotate by 35 right font ',9' noenhanced
do for [i=1:words(perturbations)] { set xtics add (word(perturbations, i) i) }
set boxwidth 0.35
array steps[2] = ['same', 'tuned']
array tint[2] = ['#909090', '#0072b2']
array shift[2] = [-0.18, 0.18]
do for [c in 'euler:unit implicit:raw'] {
  set title known_as('exact:raw').' minus '.known_as(c).', accuracy, mean over levels'
  plot for [s=1:2] pick('study=mean '.where(c, steps[s])) using ($0 + 1 + shift[s]):'difference' with boxes lc rgb tint[s], \
    for [s=1:2] pick('study=mean '.where(c, steps[s])) using ($0 + 1 + shift[s]):'difference_low':(0):(column('difference_high') - column('difference_low')) \
      @interval lc rgb tint[s]
}
unset xzeroaxis
set title 'thin: 95 % bootstrap intervals of '.header('trials').' trials'
entries = words(configs) + 2
load 'plots/legend.gp'
set key samplen 8
plot for [c in configs] NaN with linespoints ls row(method(c)) dt dash(c) pt point(c) title name(c), \
  NaN with boxes lc rgb tint[1] title 'bars: β = '.header('beta').' for all', \
  NaN with boxes lc rgb tint[2] title 'bars: each with its best β'
unset multiplot

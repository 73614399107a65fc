# SPDX-License-Identifier: GPL-3.0-or-later
# Accuracy against learning rate: is each method compared at a rate that serves it?
width = 1400
height = 950
load 'plots/style.gp'
load 'plots/smnist-style.gp'
method = effect_header('method')
against = effect_header('against')
configs = method.':raw '.method.':unit '.against.':raw '.against.':unit'
method_of(c) = c[1:strstrt(c, ':') - 1]
keys_of(c) = c[strstrt(c, ':') + 1:*]
published(c) = effect_header(c eq method.':raw' ? 'lr' : 'lr-against')
dash(c) = keys_of(c) eq 'raw' ? 1 : 2
point(c) = keys_of(c) eq 'raw' ? 7 : 6
array beside[4] = [0.955, 0.985, 1.015, 1.047]   # points of one rate side by side
set multiplot layout 2,2 margins 0.06,0.985,0.1,0.88 spacing 0.05,0.1 \
  title 'Is each method compared at a learning rate that serves it?  Test accuracy on '.digits." against the rate\n".'{/*0.8 means of '.counted('panel=accuracy').' with 95 % intervals (thin bars; points side by side); circles: as published}' font ',16'
set logscale x
set xrange [7e-5:1.4e-2]
set format y '%g'
clip(a) = a > 1 ? 1 : a < 0 ? 0 : a   # an interval may reach beyond what an accuracy can be
set key bottom center samplen 7 font ',11'
do for [p in 'clean scale noise dropout'] {
  set title (p eq 'clean' ? 'clean images' : p.', mean over all levels')
  set xlabel (p eq 'noise' || p eq 'dropout' ? effect_label('lr') : '')
  set ylabel (p eq 'clean' || p eq 'noise' ? 'test accuracy' : '')
  if (p eq 'clean') {   # most are near 1, and those that failed near 0.1
    stats effect_pick('panel=accuracy level=mean condition=clean') using (clip(column('low'))) nooutput
    set yrange [STATS_min:1]
    set nonlinear y via -log10(1.003 - y) inverse 1.003 - 10**-y
    set ytics (0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 1)
  } else {
    unset nonlinear y
    set yrange [*:*]
    set ytics autofreq
  }
  if (p eq 'dropout') { eval provenance }
  rows(c) = 'panel=accuracy level=mean condition='.p.' method='.method_of(c).' keys='.keys_of(c)
  plot for [i=1:4] effect_pick(rows(word(configs, i))) using (beside[i] * column('lr')):(clip(column('low'))):(0):(clip(column('high')) - clip(column('low'))) @interval \
      lc rgb '#'.colour(method_of(word(configs, i))) notitle, \
    for [i=1:4] effect_pick(rows(word(configs, i))) using (beside[i] * column('lr')):'mean' with linespoints ls row(method_of(word(configs, i))) \
      dt dash(word(configs, i)) pt point(word(configs, i)) ps 0.8 title known_as(method_of(word(configs, i)), keys_of(word(configs, i))), \
    for [i=1:4:3] effect_pick(rows(word(configs, i)).' lr='.published(word(configs, i))) using (beside[i] * column('lr')):'mean' with points pt 6 ps 3 lw 1.5 lc rgb '#'.colour(method_of(word(configs, i))) notitle
  unset key
}
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Multi-query associative recall of trained models: accuracy against the number of pairs, a panel for each width.
panels = 1 + words(system(sprintf("awk -F, -v list=width -f plots/pick.awk '%s'", table)))   # the last is the legend
across = panels > 4 ? 4 : panels
down = (panels + across - 1) / across
width = 70 + 410 * across
height = 90 + 440 * down
load 'plots/style.gp'
by = 'width,items'
shown = 'thin bars from the least to the largest'
load 'plots/seeds.gp'
widths = values('width', '')
pairs = values('items', '')
set multiplot layout down,across margins 62. / width,1 - 15. / width,75. / height,1 - 90. / height spacing 52. / width,90. / height \
  title 'How many pairs can a trained model recall?  '.model.', '.(header('zeros') eq 'yes' ? 'filler 0' : 'random filler')."\n".'{/*0.85 '.noted.'}' font ',15'
unset key
set format x '%g'
set format y '%g'
set logscale x 2
set xlabel 'pairs of key and value in a sequence'
set xrange [0.8 * smallest('items', ''):1.25 * largest('items', '')]
set yrange [-0.03:1.03]
set ytics 0.2
set xtics ()
do for [p in pairs] { set xtics add (p real(p)) }
step = words(series) > 6 ? 1.2**(1. / words(series)) : 1.03
apart(s) = several ? step**(s - 0.5 * (words(series) + 1)) : 1   # points of one place side by side
at(s, w) = 'series='.s.' width='.w
do for [w in widths] {
  set title 'width '.w
  set ylabel (w eq word(widths, 1) ? 'accuracy on test sequences' : '')
  plot [x=0.8 * smallest('items', ''):1.25 * largest('items', '')] 1 / x with lines dt 2 lc rgb theory, \
    for [s in series] seeds_pick(at(s, w)) using (apart(s) * column('items')):'low':(0):(column('high') - column('low')) @interval lc rgb '#'.colour_of(s), \
    for [s in series] seeds_pick(at(s, w)) using (apart(s) * column('items')):'mean' smooth unique with linespoints ls line_of(s) dt dash_of(s) pt mark_of(s) ps 0.9
}
set title 'configs'
entries = words(series) + 2 > 8 ? words(series) + 2 : 8
load 'plots/legend.gp'
plot for [s in series] NaN with linespoints ls line_of(s) dt dash_of(s) pt mark_of(s) ps 0.9 title name_of(s), \
  NaN with lines dt 1 lw 1.6 lc rgb theory title several ? 'range over seeds' : '', \
  NaN with lines dt 2 lc rgb theory title 'one of the values that occurred, at random'
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# How far each oracle can be trusted: errors of one matrix exponential against certified truth.
width = 1500
height = 1250
load 'plots/style.gp'
oracles = ''   # all but the one that they are measured against
do for [o in values('oracle', '')] { if (o ne header('truth')) { oracles = oracles.' '.o } }
# up to the first comma or "on", with underscores that are not subscripts
name(o) = system(sprintf("echo \"%s\" | sed 's/,.*//; s/ on the .*//; s/_/\\\\_/g'", header('oracle '.o)))
array colours[5] = ['#d55e00', '#0072b2', '#009e73', '#7f7f7f', '#cc79a7']
array points[5] = [7, 5, 9, 13, 11]
do for [i=1:words(oracles)] {
  set style line 100 + i lc rgb colours[(i - 1) % 5 + 1] lw 2 pt points[(i - 1) % 5 + 1] ps 0.45
  if (word(oracles, i) eq 'closed_form') { set style line 100 + i lc rgb '#000000' lw 3 pt 7 ps 0.3 }
}
lengths = values('dk', '')
middle = word(lengths, words(lengths) > 3 ? 3 : words(lengths) > 1 ? 2 : 1)
long = word(lengths, words(lengths))
short = word(lengths, words(lengths) > 3 ? 2 : 1)
u = 2.0**-53
set multiplot layout 3,3 margins 0.06,0.98,0.07,0.93 spacing 0.06,0.085 \
  title 'How far can a ground truth be trusted?  Relative error of exp(-x k k^T), |k| = 1, against '.(header('truth') eq 'arb' ? 'certified balls' : 'long double') font ',16'
unset key
set logscale xy
set xlabel label('x')
set xrange [5e-9:2e6]
set yrange [1e-20:1e5]
set ytics 1e-20,1e5,1e5
unset mytics
beyond = 1e3   # where values past the axis, inf and nan are shown
farthest = largest('error', 'error<1e300')
if (farthest < beyond) { farthest = beyond }
past(e) = strcol(e) eq 'inf' || column(e) >= beyond ? beyond : 0
lost(e) = strcol(e) eq 'nan' && strcol('seconds') ne 'nan' ? beyond : 0   # 0, off the axis: there are none
errors(f, d) = sprintf("\
  plot pick('family=%s dk=%s oracle=closed_form') using 'x':'floor':(1e-20) with filledcurves lc rgb shade, \
    for [i=1:words(oracles)] pick('family=%s dk=%s oracle='.word(oracles, i)) using (column('x')):(column('error') < beyond ? column('error') : NaN) with linespoints ls 100 + i, \
    for [i=1:words(oracles)] pick('family=%s dk=%s oracle='.word(oracles, i)) using (column('x')):(past('error')) with points ls 100 + i pt 8 ps 1.4 lw 2, \
    for [i=1:words(oracles)] pick('family=%s dk=%s oracle='.word(oracles, i)) using (column('x')):(lost('error')) with points ls 100 + i pt 2 ps 1.2 lw 2, \
    (2 * %s + 16) * u * (x > 1 ? x : 1) with lines dt 2 lc rgb theory", f, d, f, d, f, d, f, d, d)
do for [f in 'gaussian flat'] {
  do for [d in short.' '.middle.' '.long] {
    set title (f eq 'flat' ? 'flat key (all |k_i| equal)' : 'Gaussian key').', d_k'.blank.'= '.d
    set ylabel (d eq short ? label('error') : '')
    eval errors(f, d)
  }
}
set title 'coefficient read off the exponential, Gaussian key, d_k'.blank.'= '.middle
set ylabel label('coefficient_error')
plot for [i=1:words(oracles)] pick('family=gaussian dk='.middle.' oracle='.word(oracles, i)) using 'x':'coefficient_error' with linespoints ls 100 + i, \
  u / x with lines dt 3 lw 2 lc rgb theory
set title 'time per call at x = 1'
set xlabel label('dk')
set ylabel label('seconds')
set xrange [3:400]
set yrange [1e-8:*]
set ytics autofreq
plot for [i=1:words(oracles)] pick('family=gaussian x>0.9 x<1.1 oracle='.word(oracles, i)) using 'dk':'seconds' with linespoints ls 100 + i

set title 'the truth: '.(header('truth') eq 'arb' ? 'Arb' : 'long double')
entries = words(oracles) + 5
load 'plots/legend.gp'
plot for [i=1:words(oracles)] NaN with linespoints ls 100 + i title name(word(oracles, i)), \
  NaN with lines dt 2 lc rgb theory title '(2d_k'.blank.'+ 16) u max(1, x)', \
  NaN with lines dt 3 lw 2 lc rgb theory title 'u/x', \
  NaN with points pt 8 ps 1.4 lw 2 lc rgb theory title sprintf('past the axis, up to 10^{%d}', log10(farthest)), \
  NaN with points pt 2 ps 1.2 lw 2 lc rgb theory title 'not a number', \
  NaN with boxes fs solid lc rgb shade title label('floor')
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Error against step for every method, and work against precision.
width = 1400
height = 1000
load 'plots/style.gp'
methods = values('method', 'form=coefficient')
truths = values('truth', '')
truth_of = word(truths, 1)          # the ground truth: its own error is shaded
reference = word(truths, words(truths)) # what errors are measured against
set multiplot layout 2,2 margins 0.065,0.98,0.085,0.92 spacing 0.085,0.125 \
  title "Cutting a token into n substeps: the error of a one-step method falls with its order; the exact flow has no step error" font ',16'
set logscale xy
set xlabel label('h_lambda')
set ylabel label('error')
set yrange [1e-17:1e3]
set xrange [7e-4:6]
unset key

slope(x, p, at) = at * x**p
do for [T in values('tokens', '')] {
  set title (T eq '1' ? 'one token' : T.' tokens').', βλ = '.header('x').', '.square(header('dk'))
  set label 1 'slope 1' at 1.2e-3, 1.2e-2 tc rgb theory font ',11' front
  set label 2 'slope 2' at 1.2e-3, 2.5e-10 tc rgb theory font ',11' front
  set label 3 'slope 4' at 0.33, 1e-8 tc rgb theory font ',11' front
  plot pick('tokens='.T.' method=exact form=coefficient truth='.truth_of) using 'h_lambda':'floor':(1e-17) with filledcurves lc rgb shade, \
       [1.2e-3:0.3] slope(x, 1, 1) with lines dt 2 lc rgb theory, \
       [1.2e-3:0.05] slope(x, 2, 8e-4) with lines dt 2 lc rgb theory, \
       [6e-3:0.3] slope(x, 4, 3e-6) with lines dt 2 lc rgb theory, \
       for [m in methods] pick('tokens='.T.' form=coefficient truth='.reference.' method='.m) using 'h_lambda':'error' with linespoints ls row(m), \
       pick('tokens='.T.' method=exact form=coefficient truth='.reference) using 'h_lambda':'rounding' with lines dt 3 lw 2 lc rgb theory
  do for [i = 1:3] { unset label i }
}

set title 'work and precision, one token: textbook schemes (all stages on the full state) against one exact step'
set xlabel label('seconds')
set xrange [1e-7:1]
stages = ''
do for [f in values('form', 'tokens=1')] { if (f ne 'coefficient') { stages = stages.' '.f } }
plot for [f in stages] pick('tokens=1 truth='.reference.' form='.f) using 'seconds':'error' with linespoints ls row(word(values('method', 'form='.f), 1)), \
     pick('tokens=1 truth='.reference.' form=coefficient method=exact substeps=1') using 'seconds':'error' with points pt 7 ps 2 lc rgb 'black'

# the last quarter is the legend
set title 'errors are measured against the oracle '.reference noenhanced
entries = words(methods) + 3
load 'plots/legend.gp'
plot for [m in methods] NaN with linespoints ls row(m) title m, \
     NaN with lines dt 2 lc rgb theory title 'slopes 1, 2, 4', \
     NaN with lines dt 3 lw 2 lc rgb theory title label('rounding'), \
     NaN with boxes fs solid lc rgb shade title label('floor').' ('.truth_of.')'
unset multiplot

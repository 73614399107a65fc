# SPDX-License-Identifier: GPL-3.0-or-later
# Real input: rows of handwritten digits as keys, the next rows as values.
width = 1400
height = 1000
load 'plots/style.gp'
methods = values('method', '')
truths = values('truth', '')
truth_of = word(truths, 1)
reference = word(truths, words(truths))
last = word(values('tokens', ''), words(values('tokens', '')))
images = int((last + 27) / 28)
set multiplot layout 2,2 margins 0.065,0.98,0.085,0.92 spacing 0.085,0.125 \
  title sprintf('Rows of handwritten digits: each 28-pixel row is the key, the row below it the value (first %d images of MNIST, raw keys)', images) font ',16'
set logscale xy
set yrange [1e-17:1e9]
set ytics 1e-16,1e4,1e8
unset mytics
set xlabel label('tokens').' (28 per image)'
unset key
panel(what, floor_of) = sprintf("\
  plot pick('truth=%s method=exact precision=f64') using 'tokens':'%s':(1e-17) with filledcurves lc rgb shade, \
    for [m in methods] pick('truth=%s precision=f64 method='.m) using 'tokens':'%s' with lines ls row(m), \
    pick('truth=%s precision=f32 method=exact') using 'tokens':'%s' with lines lc rgb 'black' lw 2 dt 2, \
    pick('truth=%s precision=bf16 method=exact') using 'tokens':'%s' with lines lc rgb 'black' lw 2 dt 3", \
  truth_of, floor_of, reference, what, reference, what, reference, what)

set title 'the state S'
set ylabel label('error')
eval panel('error', 'floor')
set title 'the read-out o = S^T'.blank.'q of a random query'
set ylabel label('readout_error')
eval panel('readout_error', 'readout_floor')

set title 'mean growth rate of the product of transitions, measured'
unset logscale y
set ylabel label('growth')
set format y '%g'
set ytics autofreq
set yrange [*:*]
set xzeroaxis lc rgb theory lw 0.8
plot for [m in methods] pick('truth='.reference.' precision=f64 method='.m) using 'tokens':'growth' with lines ls row(m)
unset xzeroaxis

set title 'errors are measured against the oracle '.reference noenhanced
entries = words(methods) + 3
load 'plots/legend.gp'
blowup(m) = int(word(values('blowup', 'truth='.reference.' precision=f64 tokens='.last.' method='.m), 1))
plot for [m in methods] NaN with lines ls row(m) title m.(m eq 'exact' ? ', f64 state' : '').(blowup(m) > 0 ? sprintf(' (not finite after token %d)', blowup(m)) : ''), \
     NaN with lines lc rgb 'black' lw 2 dt 2 title 'exact, f32 state', \
     NaN with lines lc rgb 'black' lw 2 dt 3 title 'exact, bf16 state', \
     NaN with boxes fs solid lc rgb shade title label('floor').' ('.truth_of.')'
unset multiplot

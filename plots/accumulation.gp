# SPDX-License-Identifier: GPL-3.0-or-later
# Error against token number, of the state or (accumulation-readout) of the read-out.
width = 1500
height = 1180
load 'plots/style.gp'
if (!exists("column_of_error")) column_of_error = 'error'
floor_of = column_of_error eq 'error' ? 'floor' : 'readout_floor'
what = column_of_error eq 'error' ? 'state' : 'read-out'
methods = values('method', '')
truths = values('truth', '')
truth_of = word(truths, 1)
reference = word(truths, words(truths))
set multiplot layout 3,3 margins 0.06,0.98,0.075,0.925 spacing 0.04,0.065 \
  title 'Does the error of the '.what.' grow with the number of tokens?  Where errors fade it saturates; beyond the stability limit it explodes' font ',16'
set logscale xy
set yrange [1e-17:1e9]
set ytics 1e-16,1e4,1e8
unset mytics
set format y '10^{%T}'
unset key

panels = 'gaussian:1 gaussian:2 gaussian:4 unit:1 flat:1 ar1:1 dictionary:1 spikes:1'
title_of(f, s) = f eq 'gaussian' ? 'Gaussian keys, rms norm '.s : f eq 'unit' ? 'unit keys' : \
  f eq 'flat' ? 'flat keys (all |k_i| equal), norm '.s : f eq 'ar1' ? 'keys correlated from token to token (ρ = '.header('rho').')' : \
  f eq 'dictionary' ? header('words').' keys, revisited at random: rounding ∼ √t' : \
  'rare long keys ('.header('fraction').' of tokens, norm × '.header('size').')'
i = 0
do for [p in panels] {
  i = i + 1
  f = p[1:strstrt(p, ':') - 1]
  s = p[strstrt(p, ':') + 1:*]
  set title title_of(f, s)
  set xlabel (i > 6 ? label('tokens') : '')
  set ylabel (i % 3 == 1 ? label(column_of_error) : '')
  where = first_decay('family='.f).' norm='.s.' truth='
  plot pick(where.truth_of.' method=exact precision=f64') using 'tokens':floor_of:(1e-17) with filledcurves lc rgb shade, \
       for [m in methods] pick(where.reference.' precision=f64 method='.m) using 'tokens':column_of_error with lines ls row(m), \
       pick(where.reference.' precision=f32 method=exact') using 'tokens':column_of_error with lines lc rgb 'black' lw 2 dt 2, \
       pick(where.reference.' precision=bf16 method=exact') using 'tokens':column_of_error with lines lc rgb 'black' lw 2 dt 3
}

set title 'errors are measured against the oracle '.reference noenhanced
entries = words(methods) + 3
load 'plots/legend.gp'
plot for [m in methods] NaN with lines ls row(m) title m.(m eq 'exact' ? ', f64 state' : ''), \
     NaN with lines lc rgb 'black' lw 2 dt 2 title 'exact, f32 state', \
     NaN with lines lc rgb 'black' lw 2 dt 3 title 'exact, bf16 state', \
     NaN with boxes fs solid lc rgb shade title label(floor_of).' ('.truth_of.')'
unset multiplot

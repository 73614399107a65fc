# SPDX-License-Identifier: GPL-3.0-or-later
# Growth rates and limits of stability.
width = 1600
height = 1000
load 'plots/style.gp'
methods = values('method', 'study=map')
explicit = values('method', 'study=phase')
of(where) = pick(first_decay(where))
set multiplot layout 2,4 margins 0.05,0.985,0.09,0.91 spacing 0.065,0.15 \
  title 'From which key norm on does each method blow up?  Below its limit old errors fade (γ < 0), above it they grow' font ',16'
unset key
set palette defined (-1 '#0072b2', 0 'white', 1 '#d55e00')
clip(g) = g > 0.05 ? 0.05 : g < -0.05 ? -0.05 : g
set cbrange [-0.05:0.05]
set cblabel 'γ per token (ends: beyond ±0.05)' offset 1
unset grid
unset colorbox

# heat map: one row of cells per method; with unit keys lambda = 1 whatever the norm
set title 'predicted growth rate γ, raw keys, d_k'.blank.'= '.header('dk')
set xlabel label('norm')
set format x '%g'
set format y '%g'
set logscale x 2
set xrange [0.5:8]
set yrange [0.5:words(methods) + 0.5]
set ytics ()
do for [i=1:words(methods)] { set ytics add (word(methods, i) i) }
step = 2**(1 / 24.)
plot for [i=1:words(methods)] of('study=map keys=raw method='.word(methods, i)) \
  using 'norm':(i):(column('norm') / step):(column('norm') * step):(i - 0.5):(i + 0.5):(clip(column('predicted'))) with boxxyerror fs solid noborder lc palette
set title 'the same, keys scaled to norm one (DeltaNet)'
set format y ''
plot for [i=1:words(methods)] of('study=map keys=unit method='.word(methods, i)) \
  using 'norm':(i):(column('norm') / step):(column('norm') * step):(i - 0.5):(i + 0.5):(clip(column('predicted'))) with boxxyerror fs solid noborder lc palette

set grid
set format y '%g'
set title 'γ against key norm: law (lines) and streams (points, 95 %)'
set ylabel 'γ per token'
set ytics autofreq
set yrange [-0.03:0.08]
set xrange [0.5:4.4]
set xzeroaxis lc rgb theory
plot for [m in methods] of('study=map keys=raw method='.m) using 'norm':'predicted' with lines ls row(m), \
  for [m in methods] of('study=point method='.m) using 'norm':'measured':'low':'high' with yerrorbars ls row(m) pt 7 ps 0.6
set title 'γ against x = βλ (fixed)'
set xlabel 'x = βλ'
unset logscale x
set logscale x
set xrange [0.1:30]
plot for [m in methods] of('study=curve method='.m) using 'parameter':'predicted' with lines ls row(m)

set title 'limit of stability against d_k'
set ylabel 'key norm at which γ = 0'
set xlabel label('dk')
set logscale x 2
set xrange [3:400]
set yrange [1.2:2.6]
unset xzeroaxis
plot for [m in explicit] of('study=threshold method='.m) using 'dk':'predicted' with lines ls row(m), \
  for [m in explicit] of('study=threshold method='.m) using 'dk':'measured':'low':'high' with yerrorbars ls row(m) pt 7 ps 0.8
set title 'limit against correlation of successive keys'
set xlabel 'ρ'
unset logscale x
set xrange [-0.02:1.02]
set yrange [0.5:2.6]
plot for [m in explicit] of('study=correlated method='.m) using 'parameter':'measured':'low':'high' with yerrorbars ls row(m) pt 7 ps 0.8, \
  for [m in explicit] of('study=correlated method='.m) using 'parameter':'measured' with lines ls row(m)

# heat map: measured; line: the law's zero
first = word(explicit, 1)
rest(m) = real(word(values('predicted', first_decay('study=map keys=raw norm=1 method='.m)), 1))
zero(m, g) = g > 0 ? rest_of[row(m)] / (rest_of[row(m)] - g) : NaN   # fraction f with f g + (1 - f) rest = 0
array rest_of[20]
do for [m in explicit] { rest_of[row(m)] = rest(m) }
set title 'few keys are long: γ measured, '.first.'; thick: γ = 0'
set xlabel 'norm of the long keys (others: 1)'
set ylabel 'fraction of long keys'
set logscale xy
set xrange [0.84:19]
set yrange [7.5e-4:0.42]
set format y '10^{%T}'
unset grid
set colorbox
plot of('study=phase method='.first) \
  using 'norm':'parameter':(column('norm') / 1.19):(column('norm') * 1.19):(column('parameter') / 1.34):(column('parameter') * 1.34):(clip(column('measured'))) with boxxyerror fs solid noborder lc palette, \
  for [m in explicit] of('study=map keys=raw method='.m) using (column('norm')):(zero(m, column('predicted'))) with lines ls row(m) lw 3

set title 'points: 95 % intervals from batch means'
unset colorbox
entries = words(methods) + 3
load 'plots/legend.gp'
plot for [m in methods] NaN with lines ls row(m) title m, \
  NaN with points pt 5 ps 2 lc rgb '#d55e00' title 'cells: γ > 0, blow-up', \
  NaN with points pt 5 ps 2 lc rgb '#0072b2' title 'cells: γ < 0, errors fade', \
  NaN with lines lw 3 lc rgb theory title 'thick, in the map: γ = 0'
unset multiplot

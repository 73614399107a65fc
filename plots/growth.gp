# SPDX-License-Identifier: GPL-3.0-or-later
# Rates of growth of the product of transitions: measured, predicted, and what they say about the token of blow-up.
width = 1400
height = 1000
load 'plots/style.gp'
methods = values('method', '')
reference = word(values('truth', ''), 1)
last = word(values('tokens', ''), words(values('tokens', '')))
isotropic = 'gaussian unit spikes'
correlated = 'flat ar1 dictionary'
set multiplot layout 2,2 margins 0.065,0.98,0.085,0.92 spacing 0.085,0.125 \
  title 'The mean growth rate γ per token decides: below zero old errors fade, above zero the state explodes after about 710/γ tokens' font ',16'
unset key
rate(m, f, p) = pick(first_decay('tokens='.last.' truth='.reference.' method='.m.' family='.f.' precision='.p))

set format '%g'
set xlabel label('growth_predicted')
set ylabel label('growth')
set title 'near the limit of stability'
set xrange [-0.04:0.04]
set yrange [-0.04:0.04]
set xzeroaxis lc rgb theory lw 0.8
set yzeroaxis lc rgb theory lw 0.8
plot x with lines dt 2 lc rgb theory, \
  for [f in isotropic] for [m in methods] rate(m, f, 'f64') using 'growth_predicted':'growth' with points ls row(m) pt 7 ps 1.1, \
  for [f in correlated] for [m in methods] rate(m, f, 'f64') using 'growth_predicted':'growth' with points ls row(m) pt 4 ps 1.3 lw 1.5

set logscale xy
set format '10^{%T}'
set title 'far beyond it'
set xrange [1e-3:30]
set yrange [1e-3:30]
replot

set title 'token of blow-up'
set xlabel label('growth')
set ylabel label('blowup')
set yrange [1:2e5]
plot 709.8 / x with lines dt 2 lc rgb theory, 88.7 / x with lines dt 3 lw 2 lc rgb theory, \
  for [f in isotropic.' '.correlated] for [m in methods] rate(m, f, 'f64') using 'growth':'blowup' with points ls row(m) pt 7 ps 1.1, \
  for [f in isotropic.' '.correlated] for [m in methods] rate(m, f, 'f32') using 'growth':'blowup' with points ls row(m) pt 6 ps 1.1

set title 'after '.last.' tokens of every family and key norm'
unset xzeroaxis
unset yzeroaxis
entries = words(methods) + 6
load 'plots/legend.gp'
plot for [m in methods] NaN with points ls row(m) pt 7 ps 1.5 title m, \
  NaN with points pt 7 ps 1.1 lc rgb theory title 'above: random directions (Gaussian, unit, spikes)', \
  NaN with points pt 4 ps 1.3 lc rgb theory title 'above: other families (flat, correlated, dictionary)', \
  NaN with points pt 7 ps 1.1 lc rgb theory title 'left: state in f64', \
  NaN with points pt 6 ps 1.1 lc rgb theory title 'left: state in f32', \
  NaN with lines dt 2 lc rgb theory title 'prediction = measurement; log(largest f64)/γ', \
  NaN with lines dt 3 lw 2 lc rgb theory title 'log(largest f32)/γ'
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# The coefficient: accuracy of its forms, and the erase of each method.
width = 1400
height = 1000
load 'plots/style.gp'
methods = values('name', 'study=erase')
forms = 'naive expm1 phi clamped'
long_name(f) = f eq 'naive' ? '(1 - exp(-x))/λ' : f eq 'expm1' ? '-expm1(-x)/λ' : f eq 'phi' ? 'β φ(x)' : 'λ clamped to 10^{-6}'.blank.'and 10^{-6}'.blank.'added (released code)'
set style line 101 lc rgb '#d55e00' lw 2 pt 6 ps 0.5
set style line 102 lc rgb '#0072b2' lw 2 pt 4 ps 0.5
set style line 103 lc rgb '#000000' lw 3 pt 7 ps 0.4
set style line 104 lc rgb '#cc79a7' lw 2 dt 2 pt 8 ps 0.5
set multiplot layout 2,2 margins 0.065,0.98,0.085,0.92 spacing 0.085,0.13 \
  title 'Written with expm1 the exact coefficient is right to two ulps; it can erase everything, as L-stable implicit methods can and explicit ones cannot' font ',16'
set logscale xy
set key top left Left reverse samplen 4 font ',11'
set ylabel label('ulps')
set xlabel label('start')
set yrange [0.1:1e24]   # the uppermost third is the legend's
do for [p in 'f64 f32'] {
  set title 'accuracy of the coefficient in '.p.', largest over random β and λ in each bin'
  set xrange [p eq 'f64' ? 1e-30 : 1e-30:1e4]
  plot for [i=1:words(forms)] pick('study=x precision='.p.' name='.word(forms, i)) using 'start':'ulps' with linespoints ls 100 + i title long_name(word(forms, i)), \
    3 with lines dt 3 lc rgb theory title '3 ulps'
}
set title 'what clamping costs: relative error against λ (f64), β in 0.001 to 10'
set xlabel 'λ = k^T'.blank.'k'
set ylabel label('relative_error')
set xrange [1e-12:1e4]
set yrange [1e-17:1e7]
plot for [i=1:words(forms)] pick('study=lambda precision=f64 name='.word(forms, i)) using 'start':'relative_error' with linespoints ls 100 + i title long_name(word(forms, i))

set title 'what is erased of an old association'
set xlabel label('start')
set ylabel label('erase')
set xrange [0.01:100]
unset logscale y
set format y '%g'
set yrange [-0.6:2.1]
set ytics 0.5
set key top left Left reverse maxrows 6 font ',11' samplen 3
eval provenance
set label 1 'erases and inverts' at 0.012, 1.1 left tc rgb theory font ',11' front
set label 2 'amplifies' at 0.012, -0.1 left tc rgb theory font ',11' front
plot 1 with lines dt 2 lc rgb theory notitle, 0 with lines dt 2 lc rgb theory notitle, \
  for [m in methods] pick('study=erase name='.m) using 'start':'erase' with lines ls row(m) title m
unset multiplot

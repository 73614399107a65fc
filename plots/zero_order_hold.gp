# SPDX-License-Identifier: GPL-3.0-or-later
# What the zero-order hold costs when keys and values truly move.
width = 1500
height = 1000
load 'plots/style.gp'
stiffness = values('lambda', '')
schemes = values('scheme', 'steps>0')   # and not the crossovers
set style line 101 lc rgb '#7f7f7f' lw 2.5 pt 6 ps 0.7
set style line 102 lc rgb '#000000' lw 3.5 pt 7 ps 0.7
set style line 103 lc rgb '#000000' lw 2 dt 2 pt 4 ps 0.7
set style line 104 lc rgb '#d55e00' lw 1.6 pt 5 ps 0.6
set style line 105 lc rgb '#009e73' lw 1.6 pt 7 ps 0.6
set style line 106 lc rgb '#0072b2' lw 2 dt 4 pt 8 ps 0.8
panels = (words(stiffness) < 4 ? words(stiffness) : 4)
set multiplot layout 2,(panels > 2 ? 3 : 2) margins 0.06,0.98,0.085,0.915 spacing 0.065,0.14 \
  title 'Exact for held keys is not exact for moving ones: EFLA is a first- or second-order method then, ahead of RK4 only where a step is stiff' font ',16'
unset key
set logscale xy
set xlabel label('h_lambda')
set ylabel label('error')
set yrange [1e-14:1e3]
middle = word(stiffness, words(stiffness) > 1 ? 2 : 1)
do for [i=1:panels] {
  l = word(stiffness, i)
  set title 'λ = '.l.', frequencies up to 1, over a time of 4'
  x = values('h_lambda', first_decay('scheme=crossover lambda='.l))
  if (x ne 'nan') { set arrow 1 from real(x), graph 0 to real(x), graph 1 nohead dt 3 lc rgb theory; \
                    set label 1 sprintf('RK4 ahead below %.1f', real(x)) at real(x), 30 right offset -0.5,0 tc rgb theory font ',11' front }
  set xrange [4. * real(l) / real(header('steps')) * 0.7 : 1.4 * real(l)]
  plot pick(first_decay('scheme=left lambda='.l)) using 'h_lambda':'floor':(1e-14) with filledcurves lc rgb shade, \
    for [s=1:words(schemes)] pick(first_decay('lambda='.l.' scheme='.word(schemes, s))) using 'h_lambda':(column('error') < 1e4 ? column('error') : 1e4) with linespoints ls 100 + s
  unset arrow 1
  unset label 1
}
set title 'work and precision, λ = '.middle
set xlabel label('seconds')
set xrange [*:*]
plot for [s=1:words(schemes)] pick(first_decay('lambda='.middle.' scheme='.word(schemes, s))) using 'seconds':(column('error') < 1e4 ? column('error') : 1e4) with linespoints ls 100 + s
set title 'reference: GSL''s adaptive rk8pd; '.square(header('dk'))
entries = words(schemes) + 2
load 'plots/legend.gp'
plot for [s=1:words(schemes)] NaN with linespoints ls 100 + s title header('scheme '.word(schemes, s)), \
  NaN with lines dt 3 lc rgb theory title 'crossover', \
  NaN with boxes fs solid lc rgb shade title label('floor')
unset multiplot

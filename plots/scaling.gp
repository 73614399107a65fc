# SPDX-License-Identifier: GPL-3.0-or-later
# What many ranks gain: time and efficiency of one sequence and of a step of training, predicted and simulated.
width = 1500
height = 560
all_methods = 'exact'
load 'plots/style.gp'
lengths = values('tokens', 'work=strong')
clusters = values('cluster', '')
first = word(clusters, 1)
set style line 101 lc rgb '#0072b2' lw 1.8 pt 6 ps 0.8
set style line 102 lc rgb '#009e73' lw 1.8 pt 4 ps 0.8
set style line 103 lc rgb '#d55e00' lw 1.8 pt 8 ps 0.8
set style line 104 lc rgb '#cc79a7' lw 1.8 pt 12 ps 0.8
set style line 105 lc rgb '#000000' lw 2.4 pt 7 ps 0.6
set style line 106 lc rgb '#7f7f7f' lw 1.8 pt 2 ps 0.8
power(tokens) = sprintf('2^{%d}', floor(log(real(tokens)) / log(2) + .5))
row_of_step = 'work=step cluster='
row_of_weak = 'work=weak cluster='
row_of(tokens) = 'work=strong tokens='.tokens.' cluster='
set multiplot layout 1,3 margins 0.05,0.985,0.15,0.86 spacing 0.055,0.13 \
  title 'Many ranks: training scales, over ranks one sequence takes more than twice the work' font ',15'
set logscale x 2
set logscale y
set format x '%g'
set xrange [0.9:1150]
set xlabel label('ranks')
unset key
set title 'lines: the model; points: simulated'
set ylabel 'time (s)'
plot for [i=1:words(lengths)] pick(row_of(word(lengths, i)).first) using 'ranks':'predicted' with lines ls 100 + i, \
  for [c in clusters] for [i=1:words(lengths)] pick(row_of(word(lengths, i)).c) using 'ranks':'measured' \
    with points ls 100 + i ps (c eq first ? 0.8 : 1.4), \
  pick(row_of_weak.first) using 'ranks':'predicted' with lines ls 106, \
  for [c in clusters] pick(row_of_weak.c) using 'ranks':'measured' with points ls 106 ps (c eq first ? 0.8 : 1.4), \
  pick(row_of_step.first) using 'ranks':'predicted' with lines ls 105, \
  for [c in clusters] pick(row_of_step.c) using 'ranks':'measured' with points ls 105 ps (c eq first ? 0.6 : 1.2)

unset logscale y
set format y '%g'
set yrange [0:1.05]
set title first.', simulated; the model where there are no points'
set ylabel "efficiency"
plot 0.5 with lines dt 2 lc rgb theory, \
  for [i=1:words(lengths)] pick(row_of(word(lengths, i)).first) using 'ranks':'efficiency' with linespoints ls 100 + i, \
  pick(row_of_weak.first) using 'ranks':'efficiency' with linespoints ls 106, \
  pick(row_of_step.first) using 'ranks':'efficiency' with linespoints ls 105

set title header('heads').' heads, '.square(header('dk'))
entries = words(lengths) + 3 + words(clusters)
load 'plots/legend.gp'
plot for [i=1:words(lengths)] NaN with linespoints ls 100 + i title 'one sequence of '.power(word(lengths, i)).blank.'tokens', \
  NaN with linespoints ls 106 title 'one sequence, '.power(header('each')).blank.'tokens on each rank', \
  NaN with linespoints ls 105 title 'a step of '.header('groups').' groups of sequences', \
  for [c in clusters] NaN with points pt 6 lc rgb theory ps (c eq first ? 0.8 : 1.4) title 'left: '.c, \
  NaN with lines dt 2 lc rgb theory title 'right: efficiency one half'
unset multiplot

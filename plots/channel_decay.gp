# SPDX-License-Identifier: GPL-3.0-or-later
# Decay per channel: the error of splitting it from the delta rule's step.
width = 1400
height = 1000
load 'plots/style.gp'
schemes = 'lie strang strang_by_lie exact'
long_name(s) = s eq 'lie' ? 'Lie splitting: decay, then step (KDA)' : s eq 'strang' ? 'Strang splitting: half the decay, step, half the decay' : \
  s eq 'strang_by_lie' ? 'the same by the Lie kernel with merged rates' : 'exact flow (Chebyshev series)'
set style line 101 lc rgb '#d55e00' lw 1.8 pt 5 ps 0.6
set style line 102 lc rgb '#0072b2' lw 1.8 pt 7 ps 0.6
set style line 103 lc rgb '#56b4e9' lw 1.2 dt 3 pt 6 ps 1.3
set style line 104 lc rgb '#000000' lw 3.5 pt 7 ps 0.4
families = values('family', '')
first = word(families, 1)
spreads = values('spread', '')
xs = values('x', '')
middle(list) = word(list, (words(list) + 1) / 2)
step = middle(xs)
spread = middle(spreads)
ends = words(spreads) < 4 ? spreads : word(spreads, 3).' '.word(spreads, 5).' '.word(spreads, words(spreads))
short(number) = sprintf('%g', real(number))
set multiplot layout 2,2 margins 0.065,0.98,0.085,0.915 spacing 0.085,0.13 \
  title 'A decay rate per channel does not commute with the delta rule: at one step per token Strang splitting is far ahead of Lie for small βλ, at the same cost' font ',15'
unset key
set logscale xy
set ylabel label('error')
set yrange [1e-16:20]
set format x '%g'

set title 'one token in substeps, mean of βλ = '.short(step).', '.first.' keys, '.square(header('dk'))
set xlabel label('substeps')
most = real(header('substeps'))
set xrange [0.8:most * 4]
at_end(s, scheme) = real(values('error', 'study=substeps substeps='.header('substeps').' scheme='.scheme.' x='.step.' spread='.s))
do for [i=1:words(ends)] {
  set label i 'spread '.short(word(ends, i)) at most * 1.3, at_end(word(ends, i), 'lie') left tc rgb theory font ',11' front
}
lowest = at_end(word(ends, 1), 'strang') # the guides of the slopes lie below it
set label 11 'slope 1' at 1.2, lowest * most / 1200 left tc rgb theory font ',11' front
set label 12 'slope 2' at 2, lowest * (most / 2)**2 / 40 right tc rgb theory font ',11' front
plot pick('study=substeps scheme=lie x='.step.' spread='.word(ends, 1)) using 'substeps':'floor':(1e-16) with filledcurves lc rgb shade, \
  [1:most] lowest * most / x / 100 with lines dt 2 lc rgb theory, \
  [1:most] lowest * (most / x)**2 / 5 with lines dt 2 lc rgb theory, \
  for [s in ends] pick('study=substeps scheme=lie x='.step.' spread='.s) using 'substeps':'bound' with lines dt 3 lw 1.5 lc rgb theory, \
  for [i=1:words(schemes)] for [s in ends] pick('study=substeps x='.step.' spread='.s.' scheme='.word(schemes, i)) using 'substeps':'error' with linespoints ls 100 + i
do for [i=1:12] { unset label i }

# Further down there is nothing but the exact flow and the floor: the label says where.
rest = ''
do for [i=2:words(families)] { rest = rest.(i > 2 ? ', ' : '').word(families, i) }
set yrange [1e-5:30]
do for [panel in 'spread x'] {
  by_spread = panel eq 'spread'
  where = by_spread ? ' x='.step : ' spread='.spread
  set title header('tokens').(by_spread ? ' tokens at one step each, mean of βλ = '.short(step) : ' tokens, rates uniform in [0, '.short(spread).']').', every input family'
  set xlabel by_spread ? label('spread') : label('x')
  set format x '10^{%T}'
  set xrange [*:*]
  set label 1 sprintf('exact flow: at most %.0e, floor %.0e', largest('error', 'study=stream scheme=exact'.where), largest('floor', 'study=stream scheme=exact'.where)) \
    at graph 0.98, graph 0.05 right tc rgb theory font ',11' front
  plot for [i=1:2] for [f in values('family', '')] pick('study=stream family='.f.where.' scheme='.word(schemes, i)) using panel:'error' with lines ls 100 + i lw 0.8, \
    pick('study=stream scheme=lie family='.first.where) using panel:'bound' with lines dt 3 lw 1.5 lc rgb theory, \
    for [i=1:3] pick('study=stream family='.first.where.' scheme='.word(schemes, i)) using panel:'error' with linespoints ls 100 + i, \
    for [i=1:2] pick('study=stream family='.first.where.' scheme='.word(schemes, i)) using panel:'direction' with lines ls 100 + i dt 4, \
    pick('study=stream scheme=lie family='.first.where) using panel:'leading' with lines dt 2 lw 1.5 lc rgb theory
  unset label 1
}

set title 'errors are measured against the oracle '.header('truth') noenhanced
entries = words(schemes) + 8
load 'plots/legend.gp'
plot for [i=1:words(schemes)] NaN with linespoints ls 100 + i title long_name(word(schemes, i)), \
  NaN with lines ls 101 dt 4 title 'Lie, '.label('direction'), \
  NaN with lines ls 102 dt 4 title 'Strang, '.label('direction'), \
  NaN with lines ls 101 lw 0.8 title 'Lie, '.(rest eq '' ? 'no other' : rest).' keys', \
  NaN with lines ls 102 lw 0.8 title 'Strang, the same keys', \
  NaN with lines dt 2 lw 1.5 lc rgb theory title label('leading'), \
  NaN with lines dt 3 lw 1.5 lc rgb theory title label('bound'), \
  NaN with lines dt 2 lc rgb theory title 'slopes 1, 2', \
  NaN with boxes fs solid lc rgb shade title label('floor')
unset multiplot

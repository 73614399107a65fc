# SPDX-License-Identifier: GPL-3.0-or-later
# The chunkwise form: condition of its system, and error of ways to solve it.
width = 1500
height = 1000
load 'plots/style.gp'
cosines = values('cosine', '')
norms = values('norm', '')
methods = values('method', '')
set style line 101 lc rgb '#7f7f7f' lw 2 pt 6 ps 0.7
set style line 102 lc rgb '#000000' lw 3.5 pt 7 ps 0.6
set style line 103 lc rgb '#0072b2' lw 2 pt 4 ps 1.1
set style line 104 lc rgb '#d55e00' lw 2 pt 8 ps 0.8
set style line 105 lc rgb '#009e73' lw 2 dt 3 pt 10 ps 0.8
set style line 106 lc rgb '#cc79a7' lw 2 dt 3 pt 12 ps 0.8
set style line 107 lc rgb '#e69f00' lw 2 dt 3 pt 2 ps 0.8
forms = values('form', '')
keys_of(c) = c == 0 ? 'random keys' : c == 1 ? 'one key repeated' : sprintf('keys with cosine %g', c)
set multiplot layout 2,3 margins 0.055,0.985,0.085,0.915 spacing 0.055,0.13 \
  title 'Chunks of C tokens: the exact coefficient keeps the triangular system tame; inverting it by doubling loses everything when keys are alike' font ',15'
set logscale xy
set logscale x 2
set format x '%g'
set xlabel label('chunk')
set xrange [0.9:600]
unset key

# what is past the axis, inf included, is drawn at its top
beyond(e, top) = e < top ? e : top
do for [c in cosines] {
  set title keys_of(real(c)).', norm '.word(norms, words(norms)).', exact coefficient, f32'
  set ylabel (c eq word(cosines, 1) ? label('error') : '')
  set yrange [1e-9:1e6]
  set label 1 'overflow' at 1.1, 3e5 tc rgb theory font ',11' front
  plot 1e5 with lines dt 3 lc rgb theory, \
    for [i=1:words(forms)] pick(first_decay('method=exact cosine='.c.' norm='.word(norms, words(norms)).' form='.word(forms, i))) \
      using 'chunk':(beyond(column('error'), 1e5)) with linespoints ls 100 + i
  unset label 1
}

set title 'largest entry of (I + L)^{-1}'.blank.'(scaled)'
set ylabel label('largest')
set yrange [1e-4:1e30]
set ytics 1,1e6,1e30
unset mytics
set label 1 'theorem: at most 1 for 0 ≤ aλ ≤ 1' at 1.1, 1e-2 tc rgb theory font ',11' front
plot 1 with lines dt 2 lc rgb theory, \
  for [m in methods] for [s in norms] for [c in cosines] pick(first_decay('form=recurrence method='.m.' cosine='.c.' norm='.s)) \
    using 'chunk':(beyond(column('largest'), 1e29)) with lines ls row(m), \
  for [m in methods] for [s in norms] for [c in cosines] pick(first_decay('form=recurrence method='.m.' cosine='.c.' norm='.s)) \
    using 'chunk':(beyond(column('largest'), 1e29)) with points ls row(m) lw 1.2 pt (real(s) > 1 ? 7 : 6) ps 0.9
unset label 1
set title 'condition number of the scaled system'
set ylabel label('condition')
set label 1 'theorem: at most C^2' at 500, 1e9 right tc rgb theory font ',11' front
plot x**2 with lines dt 2 lc rgb theory, \
  for [m in methods] for [s in norms] for [c in cosines] pick(first_decay('form=recurrence method='.m.' cosine='.c.' norm='.s)) \
    using 'chunk':(beyond(column('condition'), 1e29)) with lines ls row(m), \
  for [m in methods] for [s in norms] for [c in cosines] pick(first_decay('form=recurrence method='.m.' cosine='.c.' norm='.s)) \
    using 'chunk':(beyond(column('condition'), 1e29)) with points ls row(m) lw 1.2 pt (real(s) > 1 ? 7 : 6) ps 0.9
unset label 1

set title square(header('dk')).'; every curve of the lower panels: one kind of keys'
entries = words(forms) + words(methods) + 3
load 'plots/legend.gp'
plot for [i=1:words(forms)] NaN with linespoints ls 100 + i title 'above: '.header('form '.word(forms, i)), \
  for [m in methods] NaN with lines ls row(m) title 'left: coefficient '.m, \
  NaN with points pt 6 lc rgb theory title 'left: key norm '.word(norms, 1), \
  NaN with points pt 7 lc rgb theory title 'left: key norm '.word(norms, words(norms)), \
  NaN with lines dt 2 lc rgb theory title 'left: the theorem'
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Time against the number of tokens: what is linear and what is not.
width = 1100
height = 720
load 'plots/style.gp'
precisions = values('precision', 'panel=tokens')
p = word(precisions, 1)
set title "The delta rule takes time in proportion to tokens, softmax attention to their square\n{/*0.8 one head, ".square('64').', '.p.', one thread; median of '.header('repeats').' timings}' font ',15'
set logscale xy
set format x '2^{%L}'
set logscale x 2
set format y '10^{%T}'
set xlabel label('tokens')
set bmargin at screen 80. / height
eval provenance
set ylabel label('seconds')
set key bottom right Left reverse samplen 4
set style line 101 lc rgb '#000000' lw 3.5 pt 7 ps 1
set style line 102 lc rgb '#0072b2' lw 2 pt 5 ps 1
set style line 103 lc rgb '#009e73' lw 2 pt 9 ps 1.1
set style line 104 lc rgb '#d55e00' lw 2 pt 13 ps 1.2
forms = 'kernel chunk naive softmax'
name(f) = f eq 'kernel' ? 'recurrence, kernel' : f eq 'chunk' ? 'chunkwise, C = 16' : f eq 'naive' ? 'recurrence, naive' : 'softmax attention (BLAS)'
array slope[4]
array level[4]
array start[4]
set fit quiet logfile '/dev/null'
line(x) = m * x + b
do for [i=1:4] {
  m = NaN; b = NaN
  where = 'panel=tokens precision='.p.' kernel='.word(forms, i)
  from = word(forms, i) eq 'softmax' ? 4096 : 1024
  points = 0
  do for [t in values('tokens', where)] { points = points + (real(t) >= from) }
  if (points >= 2) {
    m = 1; b = -15
    fit [log(from) - 0.01:*] line(x) pick(where) using (log(column('tokens'))):(log(column('seconds'))) via m, b
  }
  slope[i] = m; level[i] = b; start[i] = from
}
fitted(i) = column('tokens') >= start[i] ? exp(level[i]) * column('tokens')**slope[i] : NaN
of(i) = pick('panel=tokens precision='.p.' kernel='.word(forms, i))
set xrange [0.8 * smallest('tokens', 'panel=tokens'):1.25 * largest('tokens', 'panel=tokens')]
plot of(1) using 'tokens':'seconds_min':'seconds_max' with filledcurves lc rgb shade title name(word(forms, 1)).': fastest to slowest', \
  for [i=1:4] of(i) using 'tokens':'seconds' with points ls 100 + i \
    title name(word(forms, i)).(slope[i] == slope[i] ? sprintf(': slope %.2f', slope[i]) : ''), \
  for [i=1:4] of(i) using (column('tokens')):(fitted(i)) with lines lc rgb theory dt 2 lw 1.5 notitle, \
  NaN with lines lc rgb theory dt 2 lw 1.5 title 'fits from 2^{10}'.blank.'(softmax: 2^{12}) tokens on'

# Time against the number of tokens: what is linear and what is not.
width = 1100
height = 720
load 'plots/style.gp'
precisions = values('precision', 'panel=tokens')
p = word(precisions, 1)
set title "The delta rule takes time in proportion to tokens, softmax attention to their square\n{/*0.8 one head, d_k = d_v = 64, ".p.', one thread; shaded: from the fastest to the slowest of '.header('repeats').' timings}' font ',15'
set logscale xy
set format x '2^{%L}'
set logscale x 2
set format y '10^{%T}'
set xlabel 'tokens'
set bmargin 5
set ylabel 'seconds'
set key top left Left reverse samplen 4
set style line 101 lc rgb '#000000' lw 3.5 pt 7 ps 0.7
set style line 102 lc rgb '#0072b2' lw 2 pt 5 ps 0.7
set style line 103 lc rgb '#009e73' lw 2 pt 9 ps 0.8
set style line 104 lc rgb '#d55e00' lw 2 pt 13 ps 0.9
forms = 'kernel chunk naive softmax'
name(f) = f eq 'kernel' ? 'recurrence, kernel' : f eq 'chunk' ? 'chunkwise, C = 16' : f eq 'naive' ? 'recurrence, naive' : 'softmax attention (BLAS)'
array slope[4]
array level[4]
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
  slope[i] = m; level[i] = b
}
plot for [i=1:4] pick('panel=tokens precision='.p.' kernel='.word(forms, i)) using 'tokens':'seconds' with linespoints ls 100 + i \
  title sprintf('%s: slope %.2f', name(word(forms, i)), slope[i]), \
  pick('panel=tokens precision='.p.' kernel=kernel') using 'tokens':'seconds_min':'seconds_max' with filledcurves lc rgb '#000000' fs transparent solid 0.15 noborder notitle, \
  pick('panel=tokens precision='.p.' kernel=kernel') using 'tokens':(exp(level[1]) * column('tokens')**slope[1]) with lines lc rgb theory dt 2 lw 1 title 'fits from 2^{10} (softmax: 2^{12}) tokens on'

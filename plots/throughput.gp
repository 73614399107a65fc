# SPDX-License-Identifier: GPL-3.0-or-later
# Rate of the kernel against the size of a head and the number of threads, beside the machine's limits; decoding; and the backward pass.
width = 1500
height = 1040
load 'plots/style.gp'
threads = values('threads', 'panel=prefill')
most = word(threads, words(threads))
precisions = values('precision', 'panel=prefill')
d_values = values('dk', 'panel=prefill kernel=naive')
gemm_rate(p, panel) = real(word(values('gflops', 'panel='.panel.' kernel=gemm precision='.p), 1))
rate(where) = (words(values('gflops', where)) > 0 ? real(word(values('gflops', where), 1)) : NaN)
set style line 101 lc rgb '#000000' lw 3.5 pt 7 ps 0.8
set style line 102 lc rgb '#0072b2' lw 2.5 dt 2 pt 5 ps 0.8
set style line 110 lc rgb theory lw 1.5 dt 2
set multiplot layout 2,3 margins 0.05,0.985,0.095,0.915 spacing 0.05,0.17 \
  title 'How fast is the delta rule?  Rates count 6 d_k'.blank.'d_v'.blank.'operations per token and head; the limits were measured in the same run, in turn' font ',15'
unset key
set format '%g'
set logscale x 2
set yrange [0:*]
set xlabel 'd_k'.blank.'= d_v'
do for [p in precisions] {
  set title 'prefill, 4 heads, '.p
  set ylabel (p eq word(precisions, 1) ? label('gflops') : '')
  set key top left Left reverse width 0
  g = gemm_rate(p, 'sizes')
  high = largest('gflops', 'panel=sizes kernel=kernel precision='.p)
  set yrange [0:1.5 * (high > most * g ? high : most * g)]   # above the data: the legend
  plot pick('panel=sizes kernel=kernel threads=1 precision='.p) using 'dk':'gflops' with linespoints ls 101 title 'kernel, 1 thread', \
    pick('panel=sizes kernel=kernel threads='.most.' precision='.p) using 'dk':'gflops' with linespoints ls 102 \
      title (most > 1 ? 'kernel, '.most.' threads' : ''), \
    g with lines ls 110 title 'square matrix product (BLAS), 1 thread', \
    (most > 1 ? most * g : NaN) with lines ls 110 lw 2.5 title (most > 1 ? 'times '.most : '')
}
set key top right width 0

# --- forms side by side: parts of gemm's rate
set title 'forms and layouts, 1 thread, parts of the BLAS rate'
set ylabel label('of_gemm')
unset logscale x
set xlabel ''
unset xtics
bars = 'naive row_loop chunk forward heads16 hm16 back'
bar_where(b) = b eq 'naive' ? 'kernel=naive' : b eq 'row_loop' ? 'kernel=row_loop' : b eq 'chunk' ? 'kernel=chunk chunk=16' : \
  b eq 'forward' ? 'kernel=kernel pass=forward heads=1 isa='.isa : b eq 'heads16' ? 'kernel=kernel pass=forward heads=16 layout=BTHD' : \
  b eq 'hm16' ? 'kernel=kernel pass=forward heads=16 layout=BHTD' : 'kernel=kernel pass=forward_backward heads=1'
bar_name(b) = b eq 'naive' ? 'naive' : b eq 'row_loop' ? "naive,\nwidest\nvectors" : b eq 'chunk' ? "chunk-\nwise\nC = 16" : \
  b eq 'forward' ? "kernel\n1 head" : b eq 'heads16' ? "kernel\n16 heads\ntoken-\nmajor" : b eq 'hm16' ? "kernel\n16 heads\nhead-\nmajor" : \
  "kernel\nforward\nand back"
isa = word(values('isa', 'panel=prefill kernel=kernel'), 1)
part(b, d, p) = (w = values('of_gemm', 'panel=prefill threads=1 precision='.p.' dk='.d.' '.bar_where(b)), words(w) > 0 ? real(word(w, 1)) : NaN)
set boxwidth 0.19
set style fill solid 0.85 border -1
set xrange [0.4:words(bars) + 0.6]
do for [i=1:words(bars)] {
  caption = bar_name(word(bars, i))
  set label 200 + i caption at i, graph -0.05 center font ',9'
}
series = ''
do for [p in precisions] { do for [d in d_values] { series = series.p.':'.d.' ' } }
tint(i) = word('#000000 #7f7f7f #0072b2 #56b4e9', i)
high = 1
do for [s=1:words(series)] { do for [i=1:words(bars)] {
  rate_of_bar = part(word(bars, i), word(series, s)[5:*], word(series, s)[1:3])
  if (rate_of_bar > high) { high = rate_of_bar }
} }
set yrange [0:1.3 * high]
set key top left width 0 maxrows 2
plot for [s=1:words(series)] for [i=1:words(bars)] '+' every ::0::0 \
  using (i + (s - 2.5) * 0.2):(part(word(bars, i), word(series, s)[5:*], word(series, s)[1:3])) with boxes lc rgb tint(s) \
  title (i == 1 ? word(series, s)[1:3].', d = '.word(series, s)[5:*] : ''), \
  1 with lines ls 110 notitle
do for [i=1:words(bars)] { unset label 200 + i }
set xtics nomirror

# --- threads
set title 'speed-up by threads, f32'
set ylabel 'rate / rate of one thread'
set xrange [0.4:4.6]
unset xtics
speed(h, layout, d) = rate('panel=prefill kernel=kernel pass=forward precision=f32 isa='.isa.' threads='.most.' heads='.h.' layout='.layout.' dk='.d) / \
                      rate('panel=prefill kernel=kernel pass=forward precision=f32 isa='.isa.' threads=1 heads='.h.' layout='.layout.' dk='.d)
heads_of(c) = c == 1 ? '1' : '16'
layout_of(c) = c == 2 ? 'BTHD' : 'BHTD'
case_name(c) = c == 1 ? '1 head' : c == 2 ? "16 heads\ntoken-major" : "16 heads\nhead-major"
do for [c=1:3] {
  caption = case_name(c)
  set label 200 + c caption at c, graph -0.05 center font ',9'
}
decode_speed(d) = rate('panel=decode pass=decode_cold precision=f32 threads='.most.' dk='.d) / rate('panel=decode pass=decode_cold precision=f32 threads=1 dk='.d)
set label 204 "decoding,\ncold states" at 4, graph -0.05 center font ',9'
high = real(most)
do for [i=1:words(d_values)] {
  do for [c=1:3] { s = speed(heads_of(c), layout_of(c), word(d_values, i)); if (s > high) { high = s } }
  s = decode_speed(word(d_values, i)); if (s > high) { high = s }
}
set yrange [0:1.4 * high]
set key top right maxrows 3
plot for [i=1:words(d_values)] for [c=1:3] '+' every ::0::0 \
  using (c + (i - 1.5) * 0.25):(speed(heads_of(c), layout_of(c), word(d_values, i))) with boxes lc rgb tint(2 * i - 1) \
  title (c == 1 ? 'd = '.word(d_values, i) : ''), \
  for [i=1:words(d_values)] '+' every ::0::0 using (4 + (i - 1.5) * 0.25):(decode_speed(word(d_values, i))) with boxes lc rgb tint(2 * i - 1) notitle, \
  real(most) with lines ls 110 title 'number of threads: '.most
do for [c=1:4] { unset label 200 + c }
set xtics nomirror

# --- decoding: a roofline over the number of states
set title 'decoding, one token for every state, f32, 1 thread'
set ylabel label('gflops')
set xlabel 'states (d = '.word(d_values, 1).': 16 KB each)'
set logscale x 2
set xrange [*:*]
set yrange [*:*]   # stats leaves out what is beyond the ranges
stats pick('panel=decode kernel=kernel precision=f32 threads=1') using 'gflops' nooutput
low = STATS_min; high = STATS_max
stats pick('panel=decode kernel=memory precision=f32 threads=1') using (6 * column('gflops')) nooutput
if (STATS_min < low) { low = STATS_min }
if (STATS_max > high) { high = STATS_max }
if (gemm_rate('f32', 'decode') > high) { high = gemm_rate('f32', 'decode') }
set logscale y
set yrange [0.7 * low:1.3 * high * (high / low)**0.6]
set ytics (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
set format x '%g'
set key top right maxrows 6
plot for [i=1:words(d_values)] pick('panel=decode kernel=kernel precision=f32 threads=1 dk='.word(d_values, i)) using 'heads':'gflops' \
    with linespoints ls 100 + i title 'd = '.word(d_values, i), \
  for [i=1:words(d_values)] pick('panel=decode kernel=memory precision=f32 threads=1 dk='.word(d_values, i)) \
    using 'heads':(6 * column('gflops')) with linespoints lc rgb theory dt 2 pt 4 + 2 * i title 'limit of memory, d = '.word(d_values, i), \
  gemm_rate('f32', 'decode') with lines ls 110 title 'square matrix product'
unset logscale xy
set ytics autofreq

# --- instruction sets
set title 'instruction sets, 1 head, 1 thread'
set ylabel label('gflops')
set xlabel ''
isas = values('isa', 'panel=prefill kernel=kernel pass=forward')
set xrange [0.4:words(isas) + 0.6]
unset xtics
do for [i=1:words(isas)] {
  caption = word(isas, i)
  set label 200 + i caption at i, graph -0.05 center font ',10' noenhanced
}
set yrange [0:1.5 * largest('gflops', 'panel=prefill kernel=kernel pass=forward heads=1 threads=1')]
set key top right maxrows 6
eval provenance
plot for [s=1:words(series)] for [i=1:words(isas)] '+' every ::0::0 \
  using (i + (s - 2.5) * 0.2):(rate('panel=prefill kernel=kernel pass=forward heads=1 threads=1 isa='.word(isas, i).' precision='.word(series, s)[1:3].' dk='.word(series, s)[5:*])) \
  with boxes lc rgb tint(s) title (i == 1 ? word(series, s)[1:3].', d = '.word(series, s)[5:*] : '')
unset multiplot

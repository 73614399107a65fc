# SPDX-License-Identifier: GPL-3.0-or-later
# What a GPU could do and does: operations per second of calls of the backend cuda, the exact method with raw keys, against the
# operations per byte that the call must move, under the rate of a copy and that of the tensor cores.
width = 1100
height = 560
all_methods = 'exact'
source = 'gallery/cuda.csv'
load 'plots/style.gp'
tensor = 989e12   # bf16 without sparsity: NVIDIA's data sheet of the H200
copy = 1e9 * largest('gigabytes_per_second', 'what=copy')
calls = '"forward" "forward keeping" "backward" "backward from kept" "decode"'
# Operations of a token of a head in multiples of d_k d_v: S^T k, the step and the read-out; their derivatives take twice as many, and
# without what was kept all but the read-out is computed again.
work(call) = call eq 'backward' ? 16 : call eq 'backward from kept' ? 12 : 6
rows(call) = sprintf("< grep -v '^#' '%s' | awk -F, 'NR == 1 || ($1 == \"%s\" && $6 == \"exact\" && $7 == \"none\" && $8 == \"raw\")'", table, call)
operations(call) = column('batch') * column('tokens') * column('heads') * column('d')**2 * work(call)
rate(call) = operations(call) / column('milliseconds') * 1e3
intensity(call) = operations(call) / (column('milliseconds') * column('gigabytes_per_second') * 1e6)
set style line 101 lc rgb '#0072b2' pt 7 ps 1.1
set style line 102 lc rgb '#0072b2' pt 6 ps 1.5
set style line 103 lc rgb '#d55e00' pt 9 ps 1.3
set style line 104 lc rgb '#d55e00' pt 8 ps 1.6
set style line 105 lc rgb '#009e73' pt 13 ps 1.4
set multiplot layout 1,2 margins 0.075,0.985,0.15,0.86 spacing 0.06,0.13 \
  title 'On a GPU: forward and backward calls reach up to a quarter of the rate of memory, decoding two thirds' font ',15'
set logscale xy
set xrange [0.3:1000]
set yrange [5e10:3e15]
set xlabel 'operations per byte that must be moved'
set ylabel 'operations per second'
set title header('card').', CUDA '.system(sprintf("sed -n 's/^# CUDA: \\([^,]*\\).*/\\1/p' '%s'", table))
unset key
set label 1 '4 or 8 sequences' at first 180, first 1.02e14 font ',10'
set label 2 'one' at first 180, first 6e13 font ',10'
set label 3 'one, d = 64' at first 92, first 1.2e13 font ',10'
set label 4 '64 sequences, a token each' at first 1, first 2e12 font ',10'
set label 5 'one' at first 1, first 1.8e11 font ',10'
set samples 400
plot (x * copy < tensor ? x * copy : NaN) with lines lw 2 lc rgb theory, \
  (x * copy < tensor ? NaN : tensor) with lines lw 2 dt 2 lc rgb theory, \
  for [i=1:words(calls)] rows(word(calls, i)) using (intensity(word(calls, i))):(rate(word(calls, i))) with points ls 100 + i

unset label
set title 'exact, raw keys; d = 128 where nothing is said'
entries = words(calls) + 2
load 'plots/legend.gp'
plot NaN with lines lw 2 lc rgb theory title sprintf('memory: a copy, %.2f TB/s read and written', copy / 1e12), \
  NaN with lines lw 2 dt 2 lc rgb theory title 'tensor cores, bf16: 989 Tflop/s (data sheet)', \
  for [i=1:words(calls)] NaN with points ls 100 + i title word(calls, i)
unset multiplot

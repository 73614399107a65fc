# SPDX-License-Identifier: GPL-3.0-or-later
# What a diagnosis found in somebody's tokens.  Besides the table it is given input (the file's name) and verdict (a sentence).
width = 1500
height = 1000
source = input
all_methods = system(sprintf("awk -F, '$1 == \"rate\" && !seen[$2]++ { print $2 }' '%s' | paste -sd,", table))
load 'plots/style.gp'
methods = values('name', 'study=rate')
splittings = values('name', 'study=splitting') # with g per channel, in place of errors, chunks and formats
measured = words(values('name', 'study=error')) > 0
limits = values('at', 'study=limit')
heads = words(values('head', 'study=rate'))

# the verdict, in lines
lines = ''
line = ''
do for [i=1:words(verdict)] {
  if (strlen(line) + strlen(word(verdict, i)) > 130) { lines = lines.line."\n"; line = '' }
  line = line.word(verdict, i).' '
}
lines = lines.line
set multiplot layout 2,3 margins 0.055,0.985,0.1,0.89 spacing 0.06,0.17 title lines font ',15' noenhanced
unset key

# --- how long the steps are; from where on methods overshoot or amplify
set title 'steps x = βλ of all tokens'
set xlabel 'x = βλ'
set ylabel 'share of tokens per 1/8 octave (%)'
set logscale x 2
set format x '2^{%L}'
set format y '%g'
set style fill solid 0.75 noborder
do for [i=1:words(limits)] {
  x = real(word(limits, i))
  says = sprintf('x > %.4g: %.2g %% of tokens', x, 100 * real(word(values('value', 'study=limit at='.word(limits, i)), 1)))
  set arrow i from x, graph 0 to x, graph 0.66 nohead front lc rgb theory dt 2
  set label i says at graph 0.03, graph 1.0 - 0.06 * i left tc rgb theory font ',11' front
}
set xtics 16
stats [*:*] [*:*] pick('study=histogram') using 'to' nooutput
top = STATS_max
stats [*:*] [*:*] pick('study=histogram') using 'at' nooutput
set xrange [STATS_min:(top > 6 ? top : 6)]
stats [*:*] [*:*] pick('study=histogram') using 'value' nooutput
set yrange [0:150 * STATS_max]
plot pick('study=histogram') using (0.5 * (column('at') + column('to'))):(100 * column('value')):'at':'to':(0):(100 * column('value')) \
  with boxxyerror lc rgb '#56b4e9'
do for [i=1:words(limits)] { unset arrow i; unset label i }
unset logscale x
unset xrange
set format x '%g'

# --- growth rates, on an axis that is linear about 0 and logarithmic beyond
set title 'growth of old errors per token, every head (shaded: they grow)'
set xlabel ''
set ylabel 'log growth per token (ends: beyond)'
set xrange [0.4:words(methods) + 0.6]
set xtics () rotate by 35 right font ',11'
do for [i=1:words(methods)] { set xtics add (word(methods, i) i) }
set nonlinear y via asinh(y / 0.002) inverse 0.002 * sinh(y)
set ytics (-1, -0.1, -0.01, 0, 0.01, 0.1, 1)
set yrange [-1:3]
set object 1 rectangle from graph 0, first 0 to graph 1, graph 1 behind fc rgb '#fbe3d6' fs solid noborder
level(rate) = rate > 2.5 ? 2.5 : rate < -0.9 ? -0.9 : rate
positive(e) = e > 1e-18 ? e : 1e-18
spread(head) = heads < 2 ? 0 : 0.5 * (head / (heads - 1.) - 0.5)
plot 0 with lines lc rgb theory, \
  for [i=1:words(methods)] pick('study=rate name='.word(methods, i)) using (i + spread(column('head'))):(level(column('second'))) \
    with points pt 1 ps 0.9 lc rgb theory, \
  for [i=1:words(methods)] pick('study=rate name='.word(methods, i)) using (i + spread(column('head'))):(level(column('value'))) \
    with points pt 7 ps 0.8 lc rgb '#'.colour(word(methods, i))
unset object 1
unset nonlinear y

# --- errors of the methods, chunks and formats
coefficients = values('name', 'study=chunk')
if (measured) {
  set ylabel 'relative error'
  set logscale y
  set format y '10^{%T}'
  set ytics autofreq
  set yrange [1e-17:1e5]
  beyond(e) = e < 3e4 ? e : 3e4
  stats [*:*] [*:*] pick('study=error') using (column('value') < 3e4 ? 0 : 1) nooutput
  set title 'errors against the exact flow, worst head (f64'.(STATS_max > 0 ? '; topmost: beyond' : '').')'
  plot 1 with lines dt 3 lc rgb theory, \
    for [i=1:words(methods)] pick('study=error name='.word(methods, i)) using (i - 0.08):(beyond(column('value'))) \
      with points pt 7 ps 1.5 lc rgb '#'.colour(word(methods, i)), \
    for [i=1:words(methods)] pick('study=error name='.word(methods, i)) using (i + 0.08):(beyond(column('second'))) \
      with points pt 6 ps 1.5 lw 1.5 lc rgb '#'.colour(word(methods, i))

  # --- chunks
  set title 'chunks: condition of I + L, and largest entry of its inverse'
  set xlabel 'chunk length (tokens)'
  set ylabel 'condition, largest entry (scaled)'
  set logscale x 2
  set format x '%g'
  set xtics autofreq norotate font ',12'
  set xrange [14:148]
  set yrange [0.5:*]
  high(e) = e < 1e30 ? e : 1e30
  plot x**2 with lines dt 2 lc rgb theory, \
    for [g in coefficients] pick('study=chunk name='.g) using 'at':(high(column('value'))) with linespoints ls row(g) pt 7 ps 1.2, \
    for [g in coefficients] pick('study=chunk name='.g) using 'at':(high(column('second'))) with linespoints ls row(g) lw 1 pt 6 ps 1.2

  # --- formats
  set title 'exact coefficient, state stored in a format; worst head'
  set xlabel ''
  set ylabel 'relative error'
  set xrange [2.5:64]
  set xtics () rotate by 35 right font ',11'
  do for [d in values('at', 'study=format')] {
    set xtics add (system(sprintf("echo '%s' | paste -sd, | sed 's/,/, /g'", values('name', 'study=format at='.d))).' ('.d.' digits)' real(d))
  }
  set yrange [1e-17:10]
  tolerances = values('at', 'study=tolerance')
  do for [i=1:words(tolerances)] {
    set arrow 10 + i from graph 0, first real(word(tolerances, i)) to graph 1, first real(word(tolerances, i)) nohead lc rgb theory dt 3
    enough = word(values('name', 'study=tolerance at='.word(tolerances, i)), 1)
    says = (enough eq 'none' ? 'no format suffices for ' : enough.' suffices for ').sprintf('%g', real(word(tolerances, i)))
    set label 10 + i says at graph 0.98, first real(word(tolerances, i)) right offset 0, 0.6 tc rgb theory font ',11'
  }
  plot 2**(-x) with lines dt 2 lc rgb theory, \
    pick('study=format') using 'at':'to' with points pt 2 ps 1.2 lc rgb '#d55e00', \
    pick('study=format') using 'at':'second' with points pt 6 ps 1.5 lw 1.5 lc rgb '#0072b2', \
    pick('study=format') using 'at':'value' with points pt 7 ps 1.3 lc rgb '#0072b2'
  do for [i=1:words(tolerances)] { unset arrow 10 + i; unset label 10 + i }

}

# --- errors of the splittings
if (words(splittings) > 0) {
  set title 'splittings along the first tokens, every head'
  set ylabel 'error relative to the exact flow'
  set logscale y
  set format y '10^{%T}'
  set ytics autofreq
  set yrange [*:*]
  set xrange [0.4:words(splittings) + 0.6]
  set xtics () norotate
  do for [i=1:words(splittings)] { set xtics add (word(splittings, i) i) }
  plot for [i=1:words(splittings)] pick('study=splitting name='.word(splittings, i)) \
      using (i + spread(column('head'))):(positive(column('value'))) with points pt 7 ps 1.3 lc rgb '#0072b2', \
    for [i=1:words(splittings)] pick('study=splitting name='.word(splittings, i)) \
      using (i + spread(column('head'))):(positive(column('second'))) with points pt 6 ps 1.5 lw 1.5 lc rgb '#0072b2'
}

set title input noenhanced
entries = 15
load 'plots/legend.gp'
set key samplen 3 at graph -0.05, graph 0.98
if (measured) {
  plot NaN with boxes lc rgb '#56b4e9' title 'steps; at each limit: share of tokens beyond', \
    NaN with points pt 7 ps 0.8 lc rgb theory title 'growth: measured', \
    NaN with points pt 1 ps 0.9 lc rgb theory title 'growth: law for random directions', \
    NaN with points pt 7 ps 1.5 lc rgb theory title 'errors: state (rms)', \
    NaN with points pt 6 ps 1.5 lc rgb theory title 'errors: read-outs (rms)', \
    NaN with lines dt 3 lc rgb theory title 'errors: above it the state is lost', \
    for [g in coefficients] NaN with linespoints ls row(g) pt 7 title 'chunks: condition, coefficient '.g, \
    for [g in coefficients] NaN with linespoints ls row(g) lw 1 pt 6 title 'chunks: largest entry, coefficient '.g, \
    NaN with lines dt 2 lc rgb theory title 'chunks: theorem, C^2'.blank.'for 0 ≤ aλ ≤ 1', \
    NaN with points pt 7 ps 1.3 lc rgb '#0072b2' title 'formats: largest error of the state', \
    NaN with points pt 6 ps 1.5 lc rgb '#0072b2' title 'formats: read-outs (rms)', \
    NaN with points pt 2 ps 1.2 lc rgb '#d55e00' title 'formats: state after all tokens, at most', \
    NaN with lines dt 2 lc rgb theory title 'formats: unit roundoff'
} else {
  plot NaN with boxes lc rgb '#56b4e9' title 'steps; at each limit: share of tokens beyond', \
    NaN with points pt 7 ps 0.8 lc rgb theory title 'growth: measured', \
    NaN with points pt 1 ps 0.9 lc rgb theory title 'growth: law for random directions', \
    NaN with points pt 7 ps 1.3 lc rgb '#0072b2' title 'splittings: state (rms)', \
    NaN with points pt 6 ps 1.5 lw 1.5 lc rgb '#0072b2' title 'splittings: largest error of the state'
}
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Decay and delta rule within a token: what splitting them costs, and retention.
width = 1500
height = 760
load 'plots/style.gp'
xs = values('x', 'study=token')
families = values('family', 'study=stream')
rates = values('y', 'study=stream')
y = word(rates, (words(rates) + 1) / 2)
norm = word(values('norm', 'study=stream'), 1)
first = word(families, 1)
last = header('tokens')
own = 'euler implicit rk4'
short(number) = sprintf('%g', real(number))
where(f) = 'study=stream family='.f.' norm='.norm.' y='.y
split = '#0072b2'
retention = '#cc79a7'
h(x) = x < 1e-2 ? 0.5 - x / 12 : 1 / x - 1 / (exp(x) - 1)
set multiplot layout 1,3 margins 0.05,0.985,0.11,0.89 spacing 0.055,0.1 \
  title 'Splitting the decay from the delta rule writes too much, by half the decay of a token: at key norm 1 almost only a common factor of the state' font ',15'
unset key
set logscale xy

set title 'one token, exact method: what w of the split step is too large by'
set xlabel label('y')
set ylabel 'w_{split} / w_{joint} - 1'
set xrange [1e-4:10]
set yrange [2e-8:50]
unit(name, digits, i) = sprintf("set label %d '%s, 2^{-%d}' at 8.5, %g right offset 0,0.55 tc rgb theory font ',11' front", i, name, digits, 2.0**-digits)
eval unit('unit of bf16', 8, 1)
eval unit('unit of fp16', 11, 2)
eval unit('unit of f32', 24, 3)
colours = '#000000 #08306b #2171b5 #6baed6 #9ecae1'   # all are split
plot for [d in '8 11 24'] 2.0**-int(d) with lines dt 4 lc rgb theory, \
  for [i=1:words(xs)] x * h(real(word(xs, i))) with lines dt 2 lc rgb theory, \
  for [i=1:words(xs)] pick('study=token method=exact decay=split x='.word(xs, i)) using 'y':'write_error' with lines lw 2 lc rgb word(colours, i)
do for [i=1:3] { unset label i }

# after one token every state is a multiple of k v^T
beyond_one(name) = column('tokens') > 1 ? column(name) : NaN
set title 'a stream of tokens, y = '.short(y).', key norm '.short(norm).', '.square(header('dk'))
set xlabel label('tokens')
set ylabel label('error')
set xrange [1:real(last)]
set yrange [1e-17:10]
plot pick(where(first).' method=exact decay=joint') using 'tokens':'floor':(1e-17) with filledcurves lc rgb shade, \
  for [f in families] pick(where(f).' method=exact decay=split') using 'tokens':'error' with lines lw 2 lc rgb split, \
  for [f in families] pick(where(f).' method=exact decay=split') using 'tokens':(beyond_one('direction')) with lines lw 1.4 dt 2 lc rgb split, \
  for [f in families] pick(where(f).' method=exact decay=retention') using 'tokens':'error' with lines lw 2 lc rgb retention, \
  for [f in families] pick(where(f).' method=exact decay=retention') using 'tokens':(beyond_one('direction')) with lines lw 1.4 dt 2 lc rgb retention, \
  for [m in own] pick(where(first).' method='.m.' decay=joint') using 'tokens':'error' with linespoints ls row(m)

set title 'distances from the exact joint flow in long double'
entries = words(xs) + 2 + 4 + words(own) + 1
load 'plots/legend.gp'
plot for [i=1:words(xs)] NaN with lines lw 2 lc rgb word(colours, i) title 'left: βλ = '.short(word(xs, i)), \
  NaN with lines dt 2 lc rgb theory title 'left: first order, y (1/x - 1/(e^x'.blank.'- 1)), x = βλ', \
  NaN with lines dt 4 lc rgb theory title 'left: unit roundoff of formats', \
  NaN with lines lw 2 lc rgb split title 'split, exact method, every family', \
  NaN with lines lw 1.4 dt 2 lc rgb split title 'split, what the best common factor leaves', \
  NaN with lines lw 2 lc rgb retention title 'retention α = e^{-y}, exact method, every family', \
  NaN with lines lw 1.4 dt 2 lc rgb retention title 'retention, what the best common factor leaves', \
  for [m in own] NaN with linespoints ls row(m) title 'joint, '.m.', '.first.' keys', \
  NaN with boxes fs solid lc rgb shade title 'rounding of the exact joint flow in f64'
unset multiplot

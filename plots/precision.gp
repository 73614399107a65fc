# SPDX-License-Identifier: GPL-3.0-or-later
# What storing the state in few bits costs, and how the error of a run divides.
width = 1500
height = 1000
load 'plots/style.gp'
formats = values('name', 'study=law')
methods = values('name', 'study=contribution stored=discretisation')
last = word(values('tokens', 'study=law'), 1)
# One colour per format; tf32 and fp16 have the same digits and lie on each other, so the second is thin and dashed.
colours = '#0072b2 #009e73 #f0c000 #d55e00 #cc79a7 #7f7f7f #000000'
do for [i=1:words(formats)] {
  f = word(formats, i)
  set style line 100 + i lc rgb word(colours, (i - 1) % 7 + 1) lw (f eq 'tf32' ? 5 : 2.2) dt 1 + (f eq 'fp16')
}
set multiplot layout 2,3 margins 0.055,0.98,0.105,0.915 spacing 0.06,0.15 \
  title 'A state in few bits: rounding saturates where old content fades, and grows as √t in directions that no key revisits' font ',16'
unset key
set logscale xy
set xlabel label('tokens')
set ylabel label('error')
set yrange [1e-9:10]
curve(f, stored, rounding, name) = pick(first_decay('study=tokens family='.f.' stored='.stored.' rounding='.rounding.' name='.name))
number_of(column, f, name) = real(word(values(column, first_decay('study=law stored=state rounding=nearest family='.f.' name='.name)), 1))
# Where nothing of the state is left, the prediction ends.
known(column) = column(column) < 0.7 ? column(column) : NaN
states(f) = sprintf("plot 0.5 with lines dt 3 lc rgb theory, \
  for [i=1:words(formats)] curve('%s', 'state', 'nearest', word(formats, i)) using 'tokens':'error' with lines ls 100 + i, \
  for [i=1:words(formats)] curve('%s', 'state', 'nearest', word(formats, i)) using (column('tokens')):(known('predicted')) with lines lc rgb 'black' lw 0.9 dt 2", f, f)

set label 1 'error 1/2' at graph 0.05, first 0.9 tc rgb theory font ',11' front
set title 'independent Gaussian keys, state stored (to nearest)'
eval states('gaussian')
set title '8 keys, revisited at random; state stored (to nearest)'
set label 2 't^{1/2}' at first 300, first 5e-9 tc rgb theory font ',12' front
eval states('dictionary').", [10:*] 1e-9 * sqrt(x) with lines dt 4 lw 2 lc rgb theory"
unset label 2
set title '8 keys, revisited: what is stored in bf16, and how it is rounded'
set key top left Left reverse samplen 4 font ',11'
set yrange [1e-3:30]
set label 1 at graph 0.4, first 0.63
plot 0.5 with lines dt 3 lc rgb theory notitle, \
  curve('dictionary', 'state', 'stochastic', 'bf16') using 'tokens':'error' with lines lw 2.2 lc rgb '#cc79a7' title 'state, stochastic: √2 times as much', \
  curve('dictionary', 'state', 'nearest', 'bf16') using 'tokens':'error' with lines lw 2.2 lc rgb '#d55e00' title 'state, to nearest', \
  curve('dictionary', 'both', 'nearest', 'bf16') using 'tokens':'error' with points pt 6 lc rgb 'black' title 'state and inputs, to nearest', \
  curve('dictionary', 'inputs', 'nearest', 'bf16') using 'tokens':'error' with lines lw 2.2 lc rgb '#0072b2' title 'inputs, to nearest: does not grow', \
  for [r in 'nearest stochastic'] curve('dictionary', 'state', r, 'bf16') using (column('tokens')):(known('predicted')) with lines lc rgb 'black' lw 0.9 dt 2 notitle
unset key
unset label 1

# the contributions to the error
unset logscale x
set format x '%g'
set xlabel ''
set xtics rotate by 45 right font ',10'
set ylabel 'relative difference of the states'
set yrange [1e-8:10]
parts = words(methods) + words(formats) + 1
set xrange [0:parts + 1]
set style arrow 1 nohead lc rgb theory dt 3
do for [x in sprintf('%d %d', words(methods), words(methods) + words(formats))] { set arrow from x + 0.5, graph 0 to x + 0.5, graph 1 as 1 }
do for [f in 'gaussian dictionary'] {
  set title 'parts of the error after '.last.' tokens, '.(f eq 'gaussian' ? 'Gaussian keys' : '8 keys, revisited')
  plot pick(first_decay('study=contribution stored=discretisation family='.f)) using ($0 + 1):'error':xtic(stringcolumn('name')) with points pt 7 ps 1.8 lc rgb '#d55e00', \
    pick(first_decay('study=contribution stored=rounding family='.f)) using ($0 + 1 + words(methods)):'error':xtic(stringcolumn('name')) with points pt 5 ps 1.8 lc rgb '#0072b2', \
    pick(first_decay('study=contribution stored=chunking family='.f)) using (parts):'error':xtic(stringcolumn('name')) with points pt 9 ps 2 lc rgb '#009e73'
}
unset arrow

set title 'exact method, against its oracle; '.square(header('dk'))
entries = words(formats) + 6
load 'plots/legend.gp'
set key samplen 3
wrong(name) = number_of('useless', 'dictionary', name) > 0 ? sprintf(', past 1/2 at %.0f', number_of('useless', 'dictionary', name)) : ''
plot for [i=1:words(formats)] NaN with lines ls 100 + i title sprintf('%s: 8 keys ∼ t^{%.2f}%s', word(formats, i), number_of('slope', 'dictionary', word(formats, i)), wrong(word(formats, i))), \
  NaN with lines lc rgb 'black' lw 0.9 dt 2 title 'predicted, nothing fitted', \
  NaN with points pt 7 ps 1.6 lc rgb '#d55e00' title 'left: discretisation (f64)', \
  NaN with points pt 5 ps 1.6 lc rgb '#0072b2' title 'left: rounding (exact)', \
  NaN with points pt 9 ps 1.8 lc rgb '#009e73' title 'left: chunking by 64 (exact, f32)'
unset multiplot

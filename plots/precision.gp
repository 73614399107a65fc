# What storing the state in few bits costs, and how the error of a run divides.
width = 1500
height = 1000
load 'plots/style.gp'
formats = values('name', 'study=law')
methods = values('name', 'study=budget stored=discretisation')
last = word(values('tokens', 'study=law'), 1)
shades = '#000000 #0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #7f7f7f'
do for [i=1:words(formats)] { set style line 100 + i lc rgb word(shades, (i - 1) % 7 + 1) lw 2 pt 3 + i ps 0.8 }
set multiplot layout 2,3 margins 0.055,0.99,0.08,0.915 spacing 0.06,0.14 \
  title 'A state in few bits: rounding saturates where old content fades, and grows as √t in directions where nothing fades' font ',16'
unset key
set logscale xy
set xlabel 'token number'
set ylabel 'relative error of the state'
set yrange [1e-9:10]
curve(f, stored, rounding, name) = pick('study=tokens family='.f.' stored='.stored.' rounding='.rounding.' name='.name)

set title 'Gaussian keys, state stored (to nearest)'
set label 1 'half of the state is wrong' at 1.3, 0.8 tc rgb theory font ',11' front
plot 0.5 with lines dt 3 lc rgb theory, \
  for [i=1:words(formats)] curve('gaussian', 'state', 'nearest', word(formats, i)) using 'tokens':'error' with linespoints ls 100 + i
set title '8 keys revisited, state stored (to nearest)'
set label 2 't^{1/2}' at 2e3, 2e-8 tc rgb theory font ',11' front
plot 0.5 with lines dt 3 lc rgb theory, [10:*] 3e-10 * sqrt(x) with lines dt 2 lc rgb theory, \
  for [i=1:words(formats)] curve('dictionary', 'state', 'nearest', word(formats, i)) using 'tokens':'error' with linespoints ls 100 + i
unset label 2
set title '8 keys revisited: what is stored, and how it is rounded'
set key bottom right Left reverse samplen 3 font ',11'
set yrange [1e-5:10]
plot 0.5 with lines dt 3 lc rgb theory notitle, \
  curve('dictionary', 'state', 'nearest', 'bf16') using 'tokens':'error' with lines lw 2.5 lc rgb '#009e73' title 'bf16: state, nearest', \
  curve('dictionary', 'state', 'stochastic', 'bf16') using 'tokens':'error' with lines lw 2.5 dt 2 lc rgb '#009e73' title 'state, stochastic', \
  curve('dictionary', 'inputs', 'nearest', 'bf16') using 'tokens':'error' with lines lw 2.5 dt 3 lc rgb '#009e73' title 'inputs, nearest', \
  curve('dictionary', 'both', 'nearest', 'bf16') using 'tokens':'error' with points pt 6 lc rgb '#009e73' title 'both, nearest', \
  curve('dictionary', 'state', 'nearest', 'fp16') using 'tokens':'error' with lines lw 2.5 lc rgb '#cc79a7' title 'fp16: state, nearest', \
  curve('dictionary', 'inputs', 'nearest', 'fp16') using 'tokens':'error' with lines lw 2.5 dt 3 lc rgb '#cc79a7' title 'inputs, nearest'
unset key
unset label 1

# the budget: bars on a logarithmic axis, so they start at the axis
unset logscale x
set format x '%g'
set xlabel ''
set xtics rotate by 40 right font ',10'
set ylabel 'relative difference of the states'
set yrange [1e-8:10]
set boxwidth 0.7
set style fill solid 0.8 noborder
do for [f in 'gaussian dictionary'] {
  set title 'parts of the error after '.last.' tokens, '.(f eq 'gaussian' ? 'Gaussian keys' : '8 keys revisited')
  parts = words(methods) + words(formats) + 1
  set xrange [0:parts + 1]
  plot pick('study=budget stored=discretisation family='.f) using ($0 + 1):'error':xtic(3) with boxes lc rgb '#d55e00', \
    pick('study=budget stored=rounding family='.f) using ($0 + 1 + words(methods)):'error':xtic(3) with boxes lc rgb '#0072b2', \
    pick('study=budget stored=chunking family='.f) using (parts):'error':xtic(stringcolumn(3)) with boxes lc rgb '#009e73'
}

set title 'exact method against its oracle; d_k = d_v = '.header('dk')
entries = words(formats) + 5
load 'plots/legend.gp'
plot for [i=1:words(formats)] NaN with linespoints ls 100 + i title 'above: '.word(formats, i), \
  NaN with boxes lc rgb '#d55e00' title 'left: discretisation (f64)', \
  NaN with boxes lc rgb '#0072b2' title 'left: rounding (exact)', \
  NaN with boxes lc rgb '#009e73' title 'left: chunking (exact, f32)'
unset multiplot

# Error against step for every method, and work against precision.
width = 1400
height = 980
load 'plots/style.gp'
methods = values('method', 'form=gate')
truth = word(values('truth', ''), 1)
set multiplot layout 2,2 margins 0.07,0.985,0.075,0.93 spacing 0.08,0.12 \
  title "Cutting a token into substeps: every one-step method for the delta rule has its order, the exact flow has none to show" font ',15'
set logscale xy
set xlabel 'step × λ = βλ/n'
set ylabel 'relative error of the state (Frobenius)'
set yrange [1e-17:1e3]
set xrange [7e-4:6]
unset key

# slopes 1, 2, 4 as thin lines beside the data
slope(x, p, at) = at * x**p
do for [T in values('tokens', '')] {
  set title (T eq '1' ? 'one token' : T.' tokens').', βλ = '.header('x').', d_k = '.header('dk')
  set label 1 'slope 1' at 1.1e-3, slope(1.1e-3, 1, 0.35) tc rgb theory font ',10'
  set label 2 'slope 2' at 1.1e-3, slope(1.1e-3, 2, 1.2) tc rgb theory font ',10'
  set label 3 'slope 4' at 8e-3, slope(8e-3, 4, 2e-4) tc rgb theory font ',10'
  set label 4 'rounding, 4 √n u' at 8e-4, 3.5e-14 tc rgb theory font ',10'
  set label 5 'below: error of the oracle '.truth at 1.5, 3e-17 right tc rgb theory font ',10' noenhanced
  plot pick('tokens='.T.' method=exact form=gate') using 'h_lambda':'floor':(1e-17) with filledcurves lc rgb shade, \
       for [m in methods] pick('tokens='.T.' form=gate method='.m) using 'h_lambda':'error' with linespoints ls row(m), \
       pick('tokens='.T.' method=exact form=gate') using 'h_lambda':'rounding' with lines dt 3 lc rgb theory, \
       [1e-3:0.3] slope(x, 1, 0.2) with lines dt 2 lc rgb theory, \
       [1e-3:0.3] slope(x, 2, 0.3) with lines dt 2 lc rgb theory, \
       [3e-3:0.5] slope(x, 4, 1e-4) with lines dt 2 lc rgb theory
  do for [i = 1:5] { unset label i }
}

set title 'work and precision, one token: all stages of a tableau on the full state, against one exact step'
set xlabel 'time per token (s)'
set xrange [*:*]
plot for [f in values('form', 'tokens=1')] for [m in (f eq 'gate' ? 'exact' : values('method', 'form='.f))] \
       pick('tokens=1 form='.f.' method='.m) using 'seconds':'error' with linespoints ls row(m)

# the last quarter is the legend
unset title
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
set key at graph 0.02, graph 0.98 left top Left reverse width 2 spacing 1.5 font ',13' samplen 5
plot for [m in methods] NaN with linespoints ls row(m) title m, \
     NaN with lines dt 2 lc rgb theory title 'slopes 1, 2, 4', \
     NaN with lines dt 3 lc rgb theory title 'rounding of n substeps, 4 √n u', \
     NaN with boxes fs solid lc rgb shade title "the oracle's own error"
unset multiplot

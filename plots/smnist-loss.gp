# SPDX-License-Identifier: GPL-3.0-or-later
# Training loss of every method at equal keys and learning rate.
width = 1400
height = 950
load 'plots/style.gp'
load 'plots/smnist-style.gp'
methods = values('method', '')
rates = effect_header('lr-against').' '.effect_header('lr')
per_epoch = real(last('step'))
first = real(word(values('epoch', ''), 1))
steps = '(per_epoch * (column("epoch") - first) + column("step"))'
diverged(where) = int(system(sprintf("awk -F, -v where='%s loss=nan' -v list=seed -f plots/pick.awk '%s' | wc -l", where, table)))
lost(where) = diverged(where) > 0 ? sprintf(' (%d of %d diverged)', diverged(where), words(values('seed', where))) : ''
set multiplot layout 2,2 margins 0.06,0.985,0.1,0.88 spacing 0.05,0.09 \
  title 'Does the method change how training goes?  Loss on '.digits." at equal keys and learning rate\n".'{/*0.8 thick: mean over those of '.counted('panel=published').' that stay finite; thin: single seeds}' font ',16'
stats pick('') using 'loss' nooutput
top = STATS_max < 10 ? STATS_max : 10
set logscale y
set format x '%g'
set format y '%g'
set ytics (10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
set yrange [0.8 * STATS_min:1.2 * top]
set xrange [0:per_epoch * (last('epoch') - first + 1)]
set key top right samplen 3 font ',11'
do for [keys in 'raw unit'] {
  do for [lr in rates] {
    set title keys.' keys, learning rate '.rate(lr)
    set xlabel (keys eq 'unit' ? 'training step' : '')
    set ylabel (lr eq word(rates, 1) ? 'training loss (mean over '.header('loss-every').' steps)' : '')
    if (keys eq 'unit' && lr eq word(rates, words(rates))) { eval provenance }
    config(m) = 'method='.m.' keys='.keys.' lr='.lr
    plot for [m in methods] single(config(m), 'seed') using @steps:'loss' with lines lc rgb faint(m) lw 0.8 notitle, \
      for [m in methods] pick(config(m)) using @steps:'loss' smooth unique with lines ls row(m) title m.lost(config(m))
  }
}
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# How long the steps x = beta*lambda of trained models are, beside the limits of explicit methods.
width = 1600
height = 1000
load 'plots/style.gp'
load 'plots/smnist-style.gp'
methods = values('method', '')
configs = system(sprintf("awk -F, '!/^#/ && $2 == \"raw\" && !seen[$1 $3]++ { print $3, $1 }' '%s' | sort -s -g -k 1,1 | tr ' ' ':'", table))
rate_of(c) = c[1:strstrt(c, ':') - 1]
method_of(c) = c[strstrt(c, ':') + 1:*]
set multiplot layout 2,1 margins 0.055,0.985,0.12,0.885 spacing 0.05,0.09 title \
  'Are trained models where explicit methods amplify?  Steps x = βλ of all tokens of test images, '.digits."\n".\
  '{/*0.8 one bar per seed: median, quartiles (box), 5 to 95 % (thick), 1 to 99 % (thin), largest (dot); grey: before training}' font ',16'
# what is below the axis is drawn down to its end
stats pick('quantity=x') using (column('q01') > 1e-4 ? column('q01') : 1e-4) nooutput
least = STATS_min
low(q) = column(q) > least ? column(q) : least
stats pick('quantity=x') using 'most' nooutput
set yrange [0.9 * least:20 * STATS_max]   # room for what is said about trainings that diverged
set logscale y
set ylabel 'x = βλ'
set format x '%g'
set xrange [0.4:words(configs) + 0.6]
unset key
# before: the left half of a place, after: the right one; one seed, a row of pick(), beside the other
at(i, when) = i + (when eq 'before' ? -0.42 : 0.06) + (column(0) + 0.5) * 0.36 / seeds
half = 0.14 / seeds
do for [keys in 'raw unit'] {
  set title keys.' keys; dashed: x = 2, above which Euler and RK2 amplify; dotted: x = 2.785, above which RK4 does'
  set xtics () rotate by 30 right font ',11' noenhanced
  do for [i=1:words(configs)] { set xtics add ((keys eq 'unit' ? method_of(word(configs, i)).' '.rate(rate_of(word(configs, i))) : '') i) }
  lost(i) = int(system(sprintf("awk -F, -v where='quantity=x keys=%s lr=%s method=%s when=after q50=nan' -v list=seed -f plots/pick.awk '%s' | wc -l", \
    keys, rate_of(word(configs, i)), method_of(word(configs, i)), table)))
  do for [i=1:words(configs)] {
    if (lost(i) > 0) {
      says = sprintf("%d of %d trainings\ndiverged", lost(i), seeds)
      set label 100 + i says at i + 0.48, graph 0.94 right font ',10' tc rgb theory front
    } else { unset label 100 + i }
  }
  if (keys eq 'unit') { eval provenance }
  of(i, when) = pick('quantity=x keys='.keys.' lr='.rate_of(word(configs, i)).' method='.method_of(word(configs, i)).' when='.when)
  tint(i, when) = when eq 'before' ? '#a0a0a0' : '#'.colour(method_of(word(configs, i)))
  plot 2 with lines dt 2 lc rgb theory notitle, 2.7852935634052818 with lines dt 3 lc rgb theory notitle, \
    for [when in 'before after'] for [i=1:words(configs)] of(i, when) using (at(i, when)):(low('q01')):(0):(low('q99') - low('q01')) with vectors nohead lw 0.7 lc rgb tint(i, when) notitle, \
    for [when in 'before after'] for [i=1:words(configs)] of(i, when) using (at(i, when)):(low('q05')):(0):(low('q95') - low('q05')) with vectors nohead lw 2 lc rgb tint(i, when) notitle, \
    for [when in 'before after'] for [i=1:words(configs)] of(i, when) using (at(i, when)):(low('q25')):(at(i, when) - half):(at(i, when) + half):(low('q25')):(low('q75')) with boxxyerror fs solid noborder lc rgb tint(i, when) notitle, \
    for [when in 'before after'] for [i=1:words(configs)] of(i, when) using (at(i, when)):'q50' with points pt 7 ps 0.35 lc rgb 'white' notitle, \
    for [when in 'before after'] for [i=1:words(configs)] of(i, when) using (at(i, when)):'most' with points pt 7 ps 0.25 lc rgb tint(i, when) notitle
}
unset multiplot

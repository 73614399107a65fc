# SPDX-License-Identifier: GPL-3.0-or-later
# Trained language models with another method in place of theirs, as they are and after some steps of tuning.
width = 1300
height = 620
load 'plots/style.gp'
exchanged = 'study=exchanged'
treatments = values('keys', exchanged)
methods = values('part', exchanged)
# the configs with these keys as METHOD:DECAY:LR
configs(k) = system(sprintf("awk -F, -v where='%s keys=%s' -f plots/pick.awk '%s' | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) n[$i] = i; next } \
  $n[\"decay\"] !~ / / && !seen[$n[\"method\"], $n[\"decay\"], $n[\"lr\"]]++ { print $n[\"method\"] \":\" $n[\"decay\"] \":\" $n[\"lr\"] }'", exchanged, k, table))
part(c, i) = system(sprintf("echo '%s' | cut -d: -f%d", c, i))
decays = values('decay', exchanged)
trained = header('steps')
tuned = sprintf('%d', largest('step', exchanged))
named(c) = part(c, 1).(words(decays) > 1 ? ', '.part(c, 2) : '')."\n{/*0.85 rate ".sprintf('%g', real(part(c, 3))).'}'
of(c, k, m, step) = pick(sprintf('%s method=%s decay=%s lr=%s keys=%s part=%s step=%s', exchanged, part(c, 1), part(c, 2), part(c, 3), k, m, step))
seeds = words(values('seed', exchanged))
at(i, j, after) = i + (j - 0.5 * (words(methods) + 1)) * 0.8 / words(methods) + (after ? 0.05 : -0.13) + 0.1 * column(0) / seeds
lost(c, k, m, step) = int(system(sprintf("awk -F, -v where='%s method=%s decay=%s lr=%s keys=%s part=%s step=%s' -f plots/pick.awk '%s' | grep -c nan,0,nan", \
  exchanged, part(c, 1), part(c, 2), part(c, 3), k, m, step, table)))
set multiplot layout 1,words(treatments) margins 0.06,0.985,0.16,0.8 spacing 0.03,0 title \
  "Another method in a trained model\n{/*0.8 ".header('width').' wide, '.header('layers').' layers, trained for '.trained.' steps; a point per seed; hollow: exchanged, filled: after '.\
  sprintf('%d', real(tuned) - real(trained)).' steps of tuning with the exchanged method}' font ',15'
stats pick(exchanged) using (column('bits')) nooutput
set yrange [STATS_min - 0.05:STATS_max + 0.35]
set format y '%g'
set xlabel 'trained with' offset 0,-1
tint(m) = '#'.colour(m)
do for [k in treatments] {
  n = words(configs(k))
  set title k.' keys'
  set ylabel (k eq word(treatments, 1) ? 'bits per byte of validation text' : '')
  set xrange [0.45:n + 0.55]
  set xtics ()
  do for [i=1:n] { set xtics add (named(word(configs(k), i)) i) }
  unset label
  do for [i=1:n] { do for [j=1:words(methods)] {
    gone = lost(word(configs(k), i), k, word(methods, j), trained)
    if (gone) { set label sprintf("%d of %d not finite", gone, seeds) at i + (j - 0.5 * (words(methods) + 1)) * 0.8 / words(methods), graph 0.97 - 0.06 * (j - 1) center font ',9' tc rgb tint(word(methods, j)) }
  } }
  if (k eq word(treatments, words(treatments))) { eval provenance; unset key } else { set key at screen 0.5,0.875 center maxrows 1 samplen 1 width 2 }
  plot for [j=1:words(methods)] NaN with points pt 7 lc rgb tint(word(methods, j)) title 'exchanged for '.word(methods, j), \
    for [i=1:n] for [j=1:words(methods)] of(word(configs(k), i), k, word(methods, j), trained) using (at(i, j, 0)):'bits' with points pt 6 ps 1.1 lw 1.6 lc rgb tint(word(methods, j)) notitle, \
    for [i=1:n] for [j=1:words(methods)] of(word(configs(k), i), k, word(methods, j), tuned) using (at(i, j, 1)):'bits' with points pt 7 ps 0.9 lc rgb tint(word(methods, j)) notitle
}
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Where beta, lambda and x = beta*lambda of each layer go in the course of training, beside the limit of Euler's step.
width = 1600
height = 1050
load 'plots/style.gp'
layers = values('layer', '')
treatments = values('keys', '')
quantities = 'x beta lambda'
# the configs with these keys as METHOD:DECAY:LR; a decay of which the name has a blank would be two words
configs(k) = system(sprintf("awk -F, -v where='keys=%s' -f plots/pick.awk '%s' | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) n[$i] = i; next } \
  $n[\"decay\"] !~ / / && !seen[$n[\"method\"], $n[\"decay\"], $n[\"lr\"]]++ { print $n[\"method\"] \":\" $n[\"decay\"] \":\" $n[\"lr\"] }'", k, table))
part(c, i) = system(sprintf("echo '%s' | cut -d: -f%d", c, i))
rows(c, k, layer, quantity) = sprintf('method=%s decay=%s lr=%s keys=%s layer=%s quantity=%s', part(c, 1), part(c, 2), part(c, 3), k, layer, quantity)
over_seeds(where, y) = sprintf("< awk -F, -v where='%s' -v minus='' -v x=step -v y=%s -f plots/paired.awk '%s'", where, y, table)
decays = values('decay', '')
rates = values('lr', '')
place(list, a) = int(system(sprintf("echo '%s' | tr ' ' '\n' | grep -nx '%s' | cut -d: -f1", list, a)))
dash(c) = place(decays, part(c, 2)) + words(decays) * (place(rates, part(c, 3)) - 1)
named(c) = part(c, 1).(words(decays) > 1 ? ', '.part(c, 2) : '').', rate '.sprintf('%g', real(part(c, 3)))
across = words(layers) * words(treatments)
set multiplot layout words(quantities),across margins 0.05,0.985,0.075,0.9 spacing 0.035,0.055 title \
  "What the rule reads in each layer, along training\n{/*0.8 ".header('width').' wide, trained on windows of '.header('context').' bytes of '.header('text').\
  '; all tokens and heads of validation windows, means over '.words(values('seed', '')).' seeds: median (thick), 5 and 95 % (thin)}' font ',15'
set xrange [0:largest('step', '')]
set format x '%g'
set format y '%g'
unset key
symbol(q) = q eq 'x' ? 'x = βλ' : q eq 'lambda' ? 'λ' : 'β'
panel(k, layer, q) = sprintf("plot %s for [y in 'q05 q95'] for [c in configs('%s')] over_seeds(rows(c, '%s', '%s', '%s'), y) using 'x':'mean' with lines lc rgb '#'.colour(part(c, 1)) lw 0.8 dt 1 notitle, \
  for [c in configs('%s')] over_seeds(rows(c, '%s', '%s', '%s'), 'q50') using 'x':'mean' with lines lc rgb '#'.colour(part(c, 1)) lw 2.6 dt dash(c) notitle", \
  q eq 'x' ? "2 with lines dt 3 lw 1.6 lc rgb theory notitle,  " : '', k, k, layer, q, k, k, layer, q)
series = ''
do for [k in treatments] { do for [c in configs(k)] { if (strstrt(series.' ', ' '.c.' ') == 0) { series = series.' '.c } } }
bottom(q, k) = q eq 'lambda' || (q eq 'beta' && k eq 'unit')
do for [q in quantities] {
  if (q eq 'beta') { unset logscale y; set yrange [0:1] } else { set logscale y; set yrange [*:*] }
  do for [k in treatments] {
    if (q eq 'lambda' && k eq 'unit') { break }
    do for [layer in layers] {
      set title (q eq 'x' ? k.' keys, layer '.layer : '')
      set ylabel (k eq word(treatments, 1) && layer eq word(layers, 1) ? symbol(q) : '')
      set xlabel (bottom(q, k) ? 'steps of training' : '')
      eval panel(k, layer, q)
    }
  }
}
# the norm of unit keys is one: the legend has their panels
set title ''
set ylabel ''
entries = words(series) + 1 > 7 ? words(series) + 1 : 7
load 'plots/legend.gp'
plot for [c in series] NaN with lines lc rgb '#'.colour(part(c, 1)) lw 2.6 dt dash(c) title named(c), \
  NaN with lines dt 3 lw 1.6 lc rgb theory title 'x = 2: Euler amplifies above'
unset multiplot

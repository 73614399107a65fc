# SPDX-License-Identifier: GPL-3.0-or-later
# Bits per byte in windows longer than those of training: do models extrapolate, and do the effects stay?
width = 1500
height = 620
load 'plots/style.gp'
load 'plots/lm-style.gp'
contexts = values('context', 'study=end part=test')
last = real(word(contexts, words(contexts)))
rows(c, k) = config(method_of(c), k, decay_of(c)).' panel=bits condition=test seeds>0'
aside(i, n) = 2**(0.9 * (i - (n + 1) / 2.) / n)   # points of one window side by side
set multiplot layout 1,3 margins 0.06,0.985,0.14,0.82 spacing 0.05,0.1 title \
  "Bits per byte of test text in windows longer than those of training\n{/*0.8 ".model.'; 95 % intervals over '.\
  counted('panel=bits '.stratum.' condition=test level='.trained).' (thin bars; points side by side)}' font ',15'
set logscale x 2
set xrange [trained / 1.6:last * 1.6]
set xtics ()
do for [c in contexts] { set xtics add (c real(c)) }
set format y '%g'
set xlabel 'bytes of a window'
set key top right font ',11' samplen 7
# both panels of models have the same range, with room for the key
end(column, order) = real(system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s' | grep -v inf | sort -g%s | head -n 1", \
  column, stratum.' panel=bits condition=test seeds>1', effects, order)))
low = end('low', '')
high = end('high', 'r')
set yrange [low - 0.05 * (high - low):high + 0.75 * (high - low)]
do for [k in 'raw unit'] {
  set title k.' keys'
  set ylabel (k eq 'raw' ? 'bits per byte' : '')
  n = words(configs(k))
  plot for [i=1:n] effect_pick(rows(word(configs(k), i), k)) using (aside(i, n) * column('level')):'low':(0):(column('high') - column('low')) @interval \
      lc rgb '#'.colour(method_of(word(configs(k), i))) notitle, \
    for [i=1:n] effect_pick(rows(word(configs(k), i), k)) using (aside(i, n) * column('level')):'mean' with linespoints ls row(method_of(word(configs(k), i))) \
      dt dash(decay_of(word(configs(k), i))) ps 0.8 title named(method_of(word(configs(k), i)), k, decay_of(word(configs(k), i)))
}
set title 'differences, paired by seed (no decay)'
set ylabel 'thousandths of a bit per byte'
set yrange [*:*]
set offsets 0, 0, graph 0.35, 0
set xzeroaxis lc rgb theory lw 1.2
panels = 'published method:raw method:unit keys:'.method.' keys:'.against
panel_of(p) = strstrt(p, ':') ? p[1:strstrt(p, ':') - 1] : p
held_of(p) = strstrt(p, ':') ? p[strstrt(p, ':') + 1:*] : ''
held(p) = p eq 'published' ? ' method=- keys=-' : panel_of(p) eq 'method' ? ' method=- keys='.held_of(p) : ' keys=- method='.held_of(p)
says(p) = p eq 'published' ? method.' raw - '.against.' unit' : panel_of(p) eq 'method' ? method.' - '.against.', '.held_of(p).' keys' : 'raw - unit keys, '.held_of(p)
tint(p) = p eq 'published' ? 'black' : p eq 'method:raw' ? '#d55e00' : p eq 'method:unit' ? '#e69f00' : p eq 'keys:'.method ? '#0072b2' : '#56b4e9'
of(p) = stratum.' decay=none condition=test p>-1 panel='.panel_of(p).held(p)
there = ''
do for [p in panels] { if (words(effect_values('level', of(p))) > 0) { there = there.' '.p } }
n = words(there)
eval provenance
plot for [i=1:n] effect_pick(of(word(there, i))) using (aside(i, n) * column('level')):(1000 * column('low')):(0):(1000 * (column('high') - column('low'))) @interval \
    lc rgb tint(word(there, i)) notitle, \
  for [i=1:n] effect_pick(of(word(there, i))) using (aside(i, n) * column('level')):(1000 * column('mean')) with linespoints pt 7 ps 0.8 lw 2 lc rgb tint(word(there, i)) title says(word(there, i))
unset multiplot

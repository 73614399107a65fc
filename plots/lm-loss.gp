# SPDX-License-Identifier: GPL-3.0-or-later
# Bits per byte along training, and the differences to the published baseline, paired by seed.
width = 1500
height = 1000
load 'plots/style.gp'
load 'plots/lm-style.gp'
base_config = config(against, 'unit', 'none')
base = base_config.own_rate(against, 'unit', 'none').' study=along'
per_step = real(header('batch')) * real(trained)
unit = largest('step', '') * per_step > 2e6 ? 1e6 : 1e3
rows(c, k) = config(method_of(c), k, decay_of(c)).own_rate(method_of(c), k, decay_of(c)).' study=along'
mean(where, minus) = sprintf("< awk -F, -v where='%s' -v minus='%s' -v x=step -v y=bits -f plots/paired.awk '%s'", where, minus, table)
has_base = words(effect_values('lr', base_config.' panel=bits condition=valid level='.trained)) > 0
set multiplot layout (has_base ? 2 : 1),2 margins 0.06,0.985,0.1,0.89 spacing 0.06,0.11 title \
  "Bits per byte of validation text along training\n{/*0.8 ".model."; lines: means over seeds that stay finite, bands".(words(decays) > 1 ? ' (without a decay)' : '').": from the least to the largest of them}" font ',15'
set format x '%g'
set format y '%g'
set key top right font ',11' samplen 3
# both upper panels have the range of what is drawn in them
end(where, column, order) = system(sprintf("awk -F, -v where='%s' -v x=step -v y=bits -f plots/paired.awk '%s' | tail -n +2 | cut -d, -f%d | sort -g%s | head -n 1", \
  where, table, column, order))
least = 1e9
most = 0
do for [k in 'raw unit'] {
  do for [c in configs(k)] {
    low = end(rows(c, k), 3, '')
    high = end(rows(c, k), 4, 'r')
    if (low ne '' && real(low) < least) { least = real(low) }
    if (high ne '' && real(high) > most) { most = real(high) }
  }
}
set yrange [least - 0.03 * (most - least):most + 0.03 * (most - least)]
# with many decays bands would hide each other
banded(k) = (kept = '', sum [i=1:words(configs(k))] (kept = decay_of(word(configs(k), i)) eq word(decays, 1) ? kept.' '.word(configs(k), i) : kept, 0), kept)
draw(k, minus, scale, titles) = sprintf("plot for [c in banded('%s')] mean(rows(c, '%s'), %s) using (column('x') * per_step / unit):(%g * column('least')):(%g * column('most')) \
  with filledcurves fs transparent solid 0.15 noborder lc rgb '#'.colour(method_of(c)) notitle, for [c in configs('%s')] mean(rows(c, '%s'), %s) \
  using (column('x') * per_step / unit):(%g * column('mean')) with lines ls row(method_of(c)) dt dash(decay_of(c)) title %s", \
  k, k, minus, scale, scale, k, k, minus, scale, titles ? "named(method_of(c), '".k."', decay_of(c))" : "''")
in_bytes = 'bytes of training text ('.(unit == 1e6 ? 'millions' : 'thousands').')'
do for [k in 'raw unit'] {
  set title k.' keys'
  set xlabel (has_base ? '' : in_bytes)
  set ylabel (k eq 'raw' ? 'bits per byte' : '')
  if (!has_base && k eq 'unit') { eval provenance }
  eval draw(k, "''", 1, 1)
}
if (has_base) {
  set xlabel in_bytes
  set xzeroaxis lc rgb theory lw 1.2
  set yrange [*:*]
  unset key
  do for [k in 'raw unit'] {
    set title k.' keys, minus '.against.' with unit keys'
    set ylabel (k eq 'raw' ? 'thousandths of a bit per byte' : '')
    if (k eq 'unit') { eval provenance }
    eval draw(k, 'base', 1000, 0)
  }
}
unset multiplot

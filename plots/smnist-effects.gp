# SPDX-License-Identifier: GPL-3.0-or-later
# What the published difference is due to: the method, the keys, the learning rate.
width = 1700
height = 1150
load 'plots/style.gp'
load 'plots/smnist-style.gp'
method = effect_header('method')
against = effect_header('against')
fast = effect_header('lr')
slow = effect_header('lr-against')
others = system(sprintf("awk -F, -v list=panel -f plots/pick.awk '%s' | grep '^method:'", effects))
parts = 'published method keys lr method_keys_lr '.others
name(p) = p eq 'published' ? '{/:Bold published difference}' : p eq 'method' ? '= method: '.method.' - '.against : p eq 'keys' ? '+ keys: raw - unit' : \
  p eq 'lr' ? '+ rate: '.rate(fast).' - '.rate(slow) : p eq 'method_keys_lr' ? '+ interaction of all three' : 'method: '.method.' - '.p[8:*]
shade_of(p) = p eq 'published' ? 'black' : p eq 'method' ? '#d55e00' : p eq 'keys' ? '#0072b2' : p eq 'lr' ? '#009e73' : p eq 'method_keys_lr' ? '#cc79a7' : '#7f7f7f'
overall = ' method=- keys=- lr=-'
# rows of an effect with the two other factors held name them
held(f) = strcol(f eq 'method' ? 'keys' : 'method') ne '-'
set multiplot layout 2,4 margins 0.135,0.98,0.085,0.885 spacing 0.028,0.13 title \
  'What is the published gain in robustness due to?  Differences in test accuracy on '.digits.", paired by seed\n".\
  '{/*0.8 published: '.known_as(method, 'raw').' at rate '.rate(fast).' minus '.known_as(against, 'unit').' at rate '.rate(slow).\
  '; 95 % intervals over '.counted('panel=published')."; small: with the two other factors held}" font ',16'
unset key
set format x '%g'
set format y '%g'

# --- means over levels
set yrange [words(parts) + 0.6:0.4]
set arrow 1 from 0, graph 0 to 0, graph 1 nohead lc rgb theory lw 1.2
set xlabel 'difference (percentage points)'
do for [p in 'scale noise dropout clean'] {
  set title (p eq 'clean' ? 'clean images' : p.', mean over all levels')
  set ytics ()
  do for [i=1:words(parts)] { set ytics add ((p eq 'scale' ? name(word(parts, i)) : '') i) }
  plot for [f in 'method keys lr'] effect_pick('level=mean condition='.p.' panel='.f) using (held(f) ? 100 * column('mean') : NaN):\
      (f eq 'method' ? 2.25 : f eq 'keys' ? 3.25 : 4.25) with points pt 6 ps 0.7 lc rgb shade_of(f), \
    for [i=1:words(parts)] effect_pick('level=mean condition='.p.' panel='.word(parts, i).overall) using (100 * column('mean')):(i):(100 * column('low')):(100 * column('high')) \
      with xerrorbars pt 7 ps 1.1 lw 2.2 lc rgb shade_of(word(parts, i))
}
unset arrow 1

# --- against the level
set ytics autofreq
set yrange [*:*]
set xzeroaxis lc rgb theory lw 1.2
curves = 'published method keys lr method_keys_lr'
do for [p in 'scale noise dropout'] {
  set title p.', by level'
  set xlabel effect_header('level of '.p)
  set ylabel (p eq 'scale' ? 'difference (percentage points)' : '')
  plot for [c in curves] effect_pick('condition='.p.' panel='.c.overall) using 'level':(100 * column('low')):(100 * column('high')) with filledcurves fs transparent solid 0.15 noborder lc rgb shade_of(c), \
    for [c in curves] effect_pick('condition='.p.' panel='.c.overall) using 'level':(100 * column('mean')) with linespoints pt 7 ps 0.6 lw 2.2 lc rgb shade_of(c)
}
unset title
unset xzeroaxis
entries = words(curves) + 2
load 'plots/legend.gp'
plot for [c in curves] NaN with linespoints pt 7 ps 0.6 lw 2.2 lc rgb shade_of(c) title name(c), \
  NaN with boxes fs solid 0.15 noborder lc rgb 'black' title '95 % interval', \
  NaN with points pt 6 ps 0.7 lc rgb 'black' title 'two other factors held'
unset multiplot

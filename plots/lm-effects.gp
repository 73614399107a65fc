# SPDX-License-Identifier: GPL-3.0-or-later
# What differences in bits per byte are due to, and which ones could not have been seen.
width = 1900
height = 760
load 'plots/style.gp'
load 'plots/lm-style.gp'
contexts = values('context', 'study=end part=test')
longest = word(contexts, words(contexts))
first = word(decays, 1)
# p>-1: differences of two seeds or more that vary
rows(d, level) = stratum.' decay='.d.' condition=test p>-1 level='.level
count(where) = int(system(sprintf("awk -F, -v where='%s' -f plots/pick.awk '%s' | tail -n +2 | wc -l", where, effects)))
of_decays = count(rows('-', trained)) > 0
minus(a, b) = a.' - '.b
held(m, k) = (m eq '-' ? '' : ', '.m).(k eq '-' ? '' : ', '.k.' keys')
what(p) = p eq 'published' ? 'published: '.method.' raw - '.against.' unit' : p eq 'method' ? minus(method, against) : p eq 'keys' ? 'raw - unit keys' : \
  p eq 'method_keys' ? 'interaction of both' : p[1:7] eq 'method:' ? minus(method, p[8:*]) : p[1:6] eq 'decay:' ? minus(p[7:*], 'none') : p
p_of(p) = p eq 'nan' ? '' : sprintf('  (p %.2g)', real(p))
gone(a, b) = a eq '0' && b eq '0' ? '' : sprintf('  [%s : %s diverged]', a, b)
name = "what(strcol('panel')).held(strcol('method'), strcol('keys')).p_of(strcol('p_holm')).gone(strcol('diverged'), strcol('diverged_against'))"
# the scale of a panel: a step of 1, 2 or 5 times a power of ten, at most five of them either way
extreme(where, column) = real(system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s' | sed s/-// | sort -g | tail -n 1", column, where, effects)))
larger(a, b) = a > b ? a : b
reach_of(where) = 1000 * larger(extreme(where, 'seen_from'), larger(extreme(where, 'low'), extreme(where, 'high')))
power_of_ten(reach) = 10**floor(log10(reach / 2.5))
step_of(reach) = power_of_ten(reach) * (reach / 2.5 < 2 * power_of_ten(reach) ? 1 : reach / 2.5 < 5 * power_of_ten(reach) ? 2 : 5)
scale(where) = sprintf("set xtics %g; set xrange [%g:%g]", step_of(reach_of(where)), -1.05 * reach_of(where), 1.05 * reach_of(where))
set multiplot title \
  "What are differences between language models due to?  Bits per byte of test text, paired by seed, each model at its own learning rate\n".\
  '{/*0.8 '.model.'; 95 % intervals over '.counted(rows(first, trained)).'}' font ',15'
set format x '%g'
set style fill solid 1 noborder
eval scale(stratum.' condition=test p>-1 decay='.first)
set xlabel 'thousandths of a bit per byte (left: better)'
set arrow 1 from 0, graph 0 to 0, graph 1 nohead lc rgb theory lw 1.2
set tmargin at screen 0.81
set bmargin at screen 0.13
bars(where, main, colour, title) = sprintf("effect_pick('%s') using (strcol('p_holm') %s 'nan' ? 1000 * column('mean') : NaN):0:(1000 * column('low')):(1000 * column('high')) \
  with xerrorbars pt 7 ps 0.9 lw 2 lc rgb '%s' title '%s'", where, main ? 'ne' : 'eq', colour, title)
panel(d, level, names) = sprintf("set yrange [%d.5:-0.5]; plot effect_pick('%s') using (0):0:(1000 * column('seen_from')):(0.36)%s with boxxyerror lc rgb shade \
  title 'seen with a power below .8 (main: level .05/5)', %s, %s", count(rows(d, level)) - 1, rows(d, level), names ? ':ytic('.name.')' : '', \
  bars(rows(d, level), 1, 'black', 'main contrasts (p adjusted by Holm)'), bars(rows(d, level), 0, '#7f7f7f', 'others'))
set key at screen 0.5, 0.9 center maxrows 1 samplen 2
set title 'in windows as in training ('.trained.' bytes)'
set lmargin at screen 0.19
set rmargin at screen (of_decays ? 0.385 : 0.58)
eval panel(first, trained, 1)
unset key
if (!of_decays) { eval provenance }
set title 'in windows of '.longest.' bytes'
set ytics format ''
set lmargin at screen (of_decays ? 0.397 : 0.595)
set rmargin at screen (of_decays ? 0.592 : 0.985)
eval panel(first, longest, 0)
if (of_decays) {
  eval provenance
  set title 'decays ('.trained.' bytes; another scale)'
  eval scale(rows('-', trained))
  set ytics format '%s'
  set lmargin at screen 0.785
  set rmargin at screen 0.985
  eval panel('-', trained, 1)
}
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# Language models: bits per byte along training, and by place in windows longer than those of training.
width = 1300
height = 620
load 'plots/style.gp'
methods = values('method', 'mixer=delta')
keys = values('keys', 'mixer=delta')
decays = values('decay', 'mixer=delta')
trained = header('context')
contexts = values('context', 'study=end')
dash(k, d) = 1 + (k eq word(keys, 1) ? 0 : 2)
config(m, k, d) = 'mixer=delta method='.m.' keys='.k.' decay='.d
lost(m, k, d) = words(values('step', config(m, k, d).' study=along bits=nan')) > 0 ? ' (diverged)' : ''
name(m, k, d) = m.(words(keys) > 1 ? ', '.k.' keys' : '').(words(decays) > 1 ? ', '.d : '').lost(m, k, d)
set multiplot layout 1,2 margins 0.06,0.985,0.13,0.86 spacing 0.07,0.1 \
  title 'Language models of bytes: '.header('width').' wide, '.header('layers').' layers'.(words(keys) > 1 ? '' : ', '.keys.' keys').', on '.header('text') font ',15'
set format x '%g'
set format y '%g'
set ylabel 'bits per byte'
set xlabel label('step')
first(m, k, d) = m eq word(methods, 1) && k eq word(keys, 1) && d eq word(decays, 1)
set title 'validation text along training'
set key top right
set yrange [*:*]
plot for [m in methods] for [k in keys] for [d in decays] pick(config(m, k, d).' study=along') using 'step':'bits' smooth unique with linespoints ls row(m) dt dash(k, d) title name(m, k, d), \
  for [m in methods] for [k in keys] for [d in decays] pick(config(m, k, d).' study=training') using 'step':'bits' smooth unique with lines lc rgb theory dt 3 lw 1.2 title first(m, k, d) ? 'training batches, each config' : ''
set title 'test text by place in windows of '.word(contexts, words(contexts)).' tokens; training had '.trained
set xlabel label('place')
set logscale x 2
set xrange [0.9:1.1 * real(word(contexts, words(contexts)))]
set arrow 1 from real(trained), graph 0 to real(trained), graph 1 nohead dt 2 lc rgb theory
set key top right
eval provenance
plot for [m in methods] for [k in keys] for [d in decays] pick(config(m, k, d).' study=end part=test context='.word(contexts, words(contexts))) \
  using (column('place') > 0 ? column('place') : NaN):'bits' smooth unique with linespoints ls row(m) dt dash(k, d) title name(m, k, d)
unset multiplot

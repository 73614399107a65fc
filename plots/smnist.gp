# SPDX-License-Identifier: GPL-3.0-or-later
# Robustness of trained classifiers: the published comparison, and beneath it all methods under the same conditions.
width = 1500
height = 1750
load 'plots/style.gp'
load 'plots/smnist-style.gp'
methods = values('method', '')
method = effect_header('method')
against = effect_header('against')
fast = effect_header('lr')
slow = effect_header('lr-against')
epoch = last('epoch')
perturbations = 'scale noise dropout'
rows = 'published raw:'.fast.' raw:'.slow.' unit:'.fast.' unit:'.slow
keys_of(r) = r[1:strstrt(r, ':') - 1]
lr_of(r) = r[strstrt(r, ':') + 1:*]
config(m, keys, lr) = 'method='.m.' keys='.keys.' lr='.lr
set multiplot layout 5,3 margins 0.09,0.985,0.06,0.925 spacing 0.035,0.037 title \
  'Is it the exact coefficient that makes a classifier robust?  Accuracy on '.digits.": as published, and at equal keys and rate\n".\
  '{/*0.8 as published: '.known_as(method, 'raw').' at rate '.rate(fast).', '.known_as(against, 'unit').' at rate '.rate(slow).".}\n".\
  '{/*0.8 thick: mean of '.counted('panel=published').' with 95 % intervals (bars); thin: single seeds; accuracy 0, below the chance of 0.1: logits overflow}' font ',16'
set format x '%g'
set format y '%g'
set yrange [0:1.02]
set ytics 0.2
array shown[2] = [method.':raw:'.fast, against.':unit:'.slow]
part(w, i) = word(system("echo '".w."' | tr : ' '"), i)
do for [r in rows] {
  set ylabel (r eq 'published' ? "{/:Bold as published}" : '{/:Bold '.keys_of(r).' keys, learning rate '.rate(lr_of(r)).'}')."\n\naccuracy" offset -2
  do for [p in perturbations] {
    set title (r eq 'published' ? p : '')
    set xlabel (r eq 'unit:'.slow ? effect_header('level of '.p) : '') offset 0,0.3
    if (r eq word(rows, words(rows)) && p eq word(perturbations, words(perturbations))) { eval provenance }
    least = p eq 'scale' ? 0.8 : -0.02
    most = p eq 'scale' ? 10.2 : 1.02
    set xrange [least:most]
    if (p eq 'noise' && (r eq 'published' || r eq 'raw:'.fast)) { set key top right samplen 3 font ',11' } else { unset key }
    if (r eq 'published') {
      plot for [i=1:2] single(config(part(shown[i], 1), part(shown[i], 2), part(shown[i], 3)).' perturbation='.p.' epoch='.epoch, 'seed') using 'level':'accuracy' with lines lc rgb faint(part(shown[i], 1)) lw 0.8 notitle, \
        for [i=1:2] effect_pick('panel=accuracy '.config(part(shown[i], 1), part(shown[i], 2), part(shown[i], 3)).' condition='.p) using 'level':'low':(0):(column('high') - column('low')) @interval lc rgb '#'.colour(part(shown[i], 1)) notitle, \
        for [i=1:2] effect_pick('panel=accuracy '.config(part(shown[i], 1), part(shown[i], 2), part(shown[i], 3)).' condition='.p) using 'level':'mean' with linespoints ls row(part(shown[i], 1)) \
          title word(known_as(part(shown[i], 1), part(shown[i], 2)), 1)
    } else {
      plot for [m in methods] single(config(m, keys_of(r), lr_of(r)).' perturbation='.p.' epoch='.epoch, 'seed') using 'level':'accuracy' with lines lc rgb faint(m) lw 0.8 notitle, \
        for [m in methods] effect_pick('panel=accuracy '.config(m, keys_of(r), lr_of(r)).' condition='.p) using 'level':'low':(0):(column('high') - column('low')) @interval lc rgb '#'.colour(m) notitle, \
        for [m in methods] effect_pick('panel=accuracy '.config(m, keys_of(r), lr_of(r)).' condition='.p) using 'level':'mean' with linespoints ls row(m) title m
    }
    set ylabel ''
  }
}
unset multiplot

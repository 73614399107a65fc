# SPDX-License-Identifier: GPL-3.0-or-later
# The tasks of MAD: the accuracy of every config on every task.
rows = words(system(sprintf("awk -F, -v by=task -f plots/seeds.awk '%s' | awk -F, -v list=series -f plots/pick.awk", table)))
width = 1250
height = 190 + 62 * rows
load 'plots/style.gp'
by = 'task,vocabulary,length'
shown = 'below a mean the least and the largest'
load 'plots/seeds.gp'
tasks = values('task', '')
place(task) = 0 + system(sprintf("echo '%s' | tr ' ' '\n' | grep -nx '%s' | cut -d: -f1", tasks, task))
set title 'Accuracy on the synthetic tasks of MAD: '.model."\n".'{/*0.85 '.noted.'}' font ',15'
longest = 10
do for [s in series] { longest = strlen(name_of(s)) > longest ? strlen(name_of(s)) : longest }
set lmargin at screen (30. + 7.4 * longest) / width
set rmargin at screen 1 - 15. / width
set tmargin at screen 1 - 70. / height
set bmargin at screen 95. / height
unset key
unset grid
set border 31 lw 0.8
set tics scale 0
set xrange [0.5:words(tasks) + 0.5]
set yrange [words(series) + 0.5:0.5]
set xtics ()
set ytics ()
task_label(t) = t."\n{/*0.8 ".values('vocabulary', 'task='.t).' tokens, length '.values('length', 'task='.t).'}'
do for [t in tasks] { set xtics add (task_label(t) place(t)) }
do for [s in series] { set ytics add (name_of(s) int(s)) }
# Light enough for black numbers on it.
set palette defined (0 '#ffffff', 1 '#9ecae1')
set cbrange [0:1]
unset colorbox
written(mean, low, high) = several ? sprintf("%.3f\n{/*0.8 %.3f … %.3f}", mean, low, high) : sprintf('%.3f', mean)
eval provenance
plot seeds_pick('') using (place(strcol('task'))):'series':(0.48):(0.46):'mean' with boxxyerror fs solid noborder fc palette, \
  seeds_pick('') using (place(strcol('task'))):'series':(written(column('mean'), column('low'), column('high'))) with labels

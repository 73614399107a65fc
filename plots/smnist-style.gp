# SPDX-License-Identifier: GPL-3.0-or-later
# What the figures of the study of robustness share, after style.gp: table is the study's (gallery/study*.csv), effects that of
# bin/effects.
digits = header('digits') eq 'mnist' ? 'sequential MNIST' : header('digits')
if (!exists("effects")) effects = 'results/effects.csv'
effect_pick(where) = sprintf("< awk -F, -v where='%s' -f plots/pick.awk '%s'", where, effects)
effect_label(column) = system(sprintf("awk -v label=%s -v blank='%s' -f plots/pick.awk '%s'", column, blank, effects))
effect_header(key) = system(sprintf("sed -n 's/^# %s: //p' '%s'", key, effects))
single(where, by) = sprintf("< awk -F, -v where='%s' -v cut=%s -f plots/pick.awk '%s'", where, by, table)   # one line per seed
last(column) = system(sprintf("awk -F, -v list=%s -f plots/pick.awk '%s' | sort -g | tail -n 1", column, table))
faint(m) = '#b0'.colour(m)
rate(text) = system(sprintf("printf %%g '%s'", text))   # real() does not take 3e-3
effect_values(column, where) = system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s'", column, where, effects))
known_as(m, keys) = (published_as = effect_values('known_as', 'panel=accuracy method='.m.' keys='.keys), \
  published_as eq '-' ? m.', '.keys.' keys' : published_as.' ('.m.', '.keys.' keys)')
seeds = words(values('seed', ''))
# "5 seeds", or "3 to 5 seeds": of these rows of effects
counted(where) = system(sprintf("awk -F, -v list=seeds -v where='%s' -f plots/pick.awk '%s' | sort -n | \
  awk 'NR == 1 { least = $1 } END { print (least < $1 ? least \" to \" : \"\") $1 \" seed\" ($1 == 1 ? \"\" : \"s\") }'", where, effects))
# the seeds that count here are those of the models
footer = sprintf("%s · seeds %s · commit %s · %s", source, header('seeds'), header('commit'), header('date'))

# SPDX-License-Identifier: GPL-3.0-or-later
# What the figures of the study of robustness share, after style.gp: table is the study's (gallery/study*.csv), effects that of
# bin/effects.
digits = header('digits') eq 'mnist' ? 'sequential MNIST' : header('digits')
if (!exists("effects")) effects = 'results/effects.csv'
load 'plots/effects-style.gp'
single(where, by) = sprintf("< awk -F, -v where='%s' -v cut=%s -f plots/pick.awk '%s'", where, by, table)   # one line per seed
last(column) = system(sprintf("awk -F, -v list=%s -f plots/pick.awk '%s' | sort -g | tail -n 1", column, table))
faint(m) = '#b0'.colour(m)
known_as(m, keys) = (published_as = effect_values('known_as', 'panel=accuracy method='.m.' keys='.keys), \
  published_as eq '-' ? m.', '.keys.' keys' : published_as.' ('.m.', '.keys.' keys)')
seeds = words(values('seed', ''))

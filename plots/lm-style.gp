# SPDX-License-Identifier: GPL-3.0-or-later
# What the figures of the study of language models share, after style.gp: the largest models with the first map of beta.
if (!exists("effects")) effects = 'results/effects-lm.csv'
load 'plots/effects-style.gp'
method = effect_header('method')
against = effect_header('against')
stratum = 'mixer=delta beta='.word(values('beta', 'mixer=delta'), 1).' width='.sprintf('%d', largest('width', 'mixer=delta'))
methods = values('method', stratum)
treatments = values('keys', stratum)
# the configs with these keys as METHOD:DECAY; a decay of which the name has a blank would be two words
configs(k) = system(sprintf("awk -F, -v where='%s' -f plots/pick.awk '%s' | awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) n[$i] = i; next } \
  $n[\"decay\"] !~ / / && !seen[$n[\"method\"], $n[\"decay\"]]++ { print $n[\"method\"] \":\" $n[\"decay\"] }'", stratum.' study=end keys='.k, table))
method_of(c) = c[1:strstrt(c, ':') - 1]
decay_of(c) = c[strstrt(c, ':') + 1:*]
decays = system(sprintf("awk -F, -v list=decay -v where='%s' -f plots/pick.awk '%s' | grep -v ' '", stratum, table))
trained = header('context')
model = header('width').' wide, '.header('layers').(header('layers') eq '1' ? ' layer' : ' layers').', trained on windows of '.trained.' bytes of '.header('text')
# of the study at the rate at which the effects compare it, and of the effects
config(m, k, d) = stratum.' method='.m.' keys='.k.' decay='.d
# the learning rate at which the effects compare a config; the text of its table is that of the study's
own_rate(m, k, d) = ' lr='.word(effect_values('lr', config(m, k, d).' panel=bits condition=valid level='.trained).' none', 1)
lost(m, k, d) = (how_many = effect_values('diverged', config(m, k, d).' panel=diverged'), of = effect_values('seeds', config(m, k, d).' panel=diverged'), \
  how_many eq '' || how_many eq '0' ? '' : sprintf(' (%s of %s diverged)', how_many, of))
dash(d) = d eq word(decays, 1) ? 1 : 2 + (d eq word(decays, 2) ? 0 : d eq word(decays, 3) ? 1 : 2)
named(m, k, d) = (published_as = effect_values('known_as', config(m, k, d).' panel=bits condition=valid level='.trained), \
  m.', '.k.(words(decays) > 1 ? ', '.d : '').(published_as eq '-' || published_as eq '' ? '' : ' = '.published_as).lost(m, k, d))

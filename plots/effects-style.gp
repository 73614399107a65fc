# SPDX-License-Identifier: GPL-3.0-or-later
# What figures of studies share, after style.gp: table is the study's (kept in gallery/), effects that of bin/effects, which is set before.
effect_pick(where) = sprintf("< awk -F, -v where='%s' -f plots/pick.awk '%s'", where, effects)
effect_label(column) = system(sprintf("awk -v label=%s -v blank='%s' -f plots/pick.awk '%s'", column, blank, effects))
effect_header(key) = system(sprintf("sed -n 's/^# %s: //p' '%s'", key, effects))
effect_values(column, where) = system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s'", column, where, effects))
rate(text) = system(sprintf("printf %%g '%s'", text))   # real() does not take 3e-3
# "5 seeds", or "3 to 5 seeds": of these rows of effects
counted(where) = system(sprintf("awk -F, -v list=seeds -v where='%s' -f plots/pick.awk '%s' | sort -n | \
  awk 'NR == 1 { least = $1 } END { print (least < $1 ? least \" to \" : \"\") $1 \" seed\" ($1 == 1 ? \"\" : \"s\") }'", where, effects))
# the seeds that count here are those of the models
footer = sprintf("%s · seeds %s · commit %s · %s", source, header('seeds'), header('commit'), header('date'))

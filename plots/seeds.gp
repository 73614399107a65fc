# SPDX-License-Identifier: GPL-3.0-or-later
# What figures of trainings share: means and ranges over seeds (plots/seeds.awk) by the columns of `by`; shown: how the range is.
summary = sprintf("awk -F, -v by=%s -f plots/seeds.awk '%s'", by, table)
seeds_pick(where) = sprintf("< %s | awk -F, -v where='%s' -f plots/pick.awk", summary, where)
seeds_values(column, where) = system(sprintf("%s | awk -F, -v list=%s -v where='%s' -f plots/pick.awk", summary, column, where))
series = seeds_values('series', '')
method_of(s) = seeds_values('method', 'series='.s)
variant_of(s) = int(word(seeds_values('variant', 'series='.s), 1))
name_of(s) = system(sprintf("echo '%s' | tr ';' ','", seeds_values('name', 'series='.s)))
several = real(system(summary." | awk -F, 'NR > 1 && $(NF-1) > most { most = $(NF-1) } END { print most + 0 }'")) > 1
lost = int(system(summary." | awk -F, 'NR > 1 { lost += $NF } END { print lost + 0 }'"))
counted = several ? sprintf('means over %d seeds, %s', words(values('seed', '')), shown) : 'one seed'
noted = counted.(lost > 0 ? sprintf('; %d trainings diverged and count 0', lost) : '').(words(values('lr', '')) > 1 ? '; each config at its best rate' : '')
model = sprintf('layers %s, heads %s%s, %s steps', header('layers'), header('heads'), words(values('width', '')) > 1 ? '' : ', width '.header('width'), header('steps'))
colour_of(s) = method_of(s) eq '-' ? '7f7f7f' : colour(method_of(s))
line_of(s) = method_of(s) eq '-' ? 100 : row(method_of(s))
set style line 100 lc rgb '#7f7f7f' lw 2 dt 1 pt 8 ps 0.5
dash_of(s) = 1 + variant_of(s)
hollow = '6 4 12 10 14'
mark_of(s) = variant_of(s) > 0 ? int(word(hollow, 1 + (variant_of(s) - 1) % 5)) : method_of(s) eq '-' ? 8 : point_of(method_of(s))

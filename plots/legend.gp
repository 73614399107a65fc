# SPDX-License-Identifier: GPL-3.0-or-later
# Turns the last panel of a multiplot into a legend of `entries` lines: the caller then plots NaN with titles.
# A line takes about 1.5 times the size of its type times the spacing; a key that is higher than its panel loses entries without a word,
# so both follow from the height of the panels before, all alike.
legend_room = 0.93 * (GPVAL_TERM_YMAX - GPVAL_TERM_YMIN) * GPVAL_TERM_SCALE / GPVAL_TERM_YSIZE * height / entries
legend_size = legend_room < 13 * 1.5 * 1.15 ? legend_room / 1.5 / 1.15 : 13
legend_spacing = legend_room < 13 * 1.5 * 1.3 ? legend_room / 1.5 / legend_size : 1.3
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
legend_font = sprintf(',%.1f', legend_size)
set key at graph 0.02, graph 0.98 left top vertical maxrows entries Left reverse samplen 5 width 0
set key font legend_font spacing legend_spacing
eval provenance

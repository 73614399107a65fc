# Turns the next panel of a multiplot into a legend of `entries` lines: the caller then plots NaN with titles.
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
set key at graph 0.06, graph 0.96 left top vertical maxrows entries Left reverse samplen 5
legend_font = entries <= 12 ? ',13' : sprintf(',%d', 165 / entries)
set key font legend_font spacing (entries <= 12 ? 1.3 : 1.15)

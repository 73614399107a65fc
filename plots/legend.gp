# Turns the next panel of a multiplot into a legend: the caller then plots NaN with titles.
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set xrange [0:1]
set yrange [0:1]
set key at graph 0.06, graph 0.96 left top vertical maxrows 16 Left reverse spacing 1.3 font ',13' samplen 5

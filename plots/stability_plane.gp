# SPDX-License-Identifier: GPL-3.0-or-later
# Where a step with decay is bounded, and how far a decay moves the limits of a stream.
width = 1700
height = 900
load 'plots/style.gp'
most_x = real(header('most-x'))
most_y = real(header('most-y'))
all = values('method', 'study=limit')
wanted = 'euler rk2 rk4 implicit exact'
shown = ''
do for [m in wanted] { do for [a in all] { if (a eq m) { shown = shown.' '.m } } }
decays = values('decay', 'study=limit')
two = words(decays) > 1 ? word(decays, 1).' '.word(decays, 2) : decays
monotone = '#bcd9ee'
swinging = '#fbeec1'
unbounded = '#f4cdb8'
limit(m, d, l) = pick('study=limit method='.m.' decay='.d.' limit='.l)
streams(m, d, l) = pick('study=stream method='.m.' decay='.d.' limit='.l)
below(x) = x > most_x ? most_x : x
seen(x) = x > 0 && x < 1.5 * most_x ? x : NaN

# The limits of the first method that has some, for every decay, where a decay is weak.
one = word(shown, 1)
hue(d) = d eq 'joint' ? '#0072b2' : d eq 'split' ? '#d55e00' : '#009e73'
limits_of_one = "set title 'limits of '.one; set xrange [0:1]; set yrange [1:30]; set logscale y; set ytics (1,1.5,2,3,5,10,20,30); \
  plot for [d in decays] limit(one, d, 'one') using 'rate':'predicted' with lines dt 2 lw 2 lc rgb hue(d), \
    for [d in decays] limit(one, d, 'random') using 'rate':'predicted' with lines lw 2 lc rgb hue(d), \
    for [d in decays] streams(one, d, 'one') using 'rate':'measured':'low':'high' with yerrorbars pt 6 ps 0.9 lc rgb hue(d), \
    for [d in decays] streams(one, d, 'random') using 'rate':'measured':'low':'high' with yerrorbars pt 7 ps 0.8 lc rgb hue(d); \
  unset logscale y; set ytics autofreq; set xrange [0:most_y]; set yrange [0:most_x]"

set multiplot layout words(two),(words(shown) + 1) margins 0.045,0.985,0.1,0.9 spacing 0.03,0.13 \
  title 'A decay moves the limit of Euler, x = 2, to 1 + e^y before the step (split) and to 2 − y within it (joint) for one key, far up for random keys; the exact flow has none' font ',15'
unset key
set format x '%g'
set format y '%g'
set xrange [0:most_y]
set yrange [0:most_x]
unset grid
set xlabel 'decay rate y'
do for [r=1:words(two)] {
  d = word(two, r)
  do for [i=1:words(shown)] {
    m = word(shown, i)
    set title m.', '.d
    set ylabel (i == 1 ? 'x = βλ' : '')
    plot limit(m, d, 'one') using 'rate':(0):(below(column('predicted'))) with filledcurves lc rgb swinging, \
      limit(m, d, 'monotone') using 'rate':(0):(below(column('predicted'))) with filledcurves lc rgb monotone, \
      limit(m, d, 'one') using 'rate':(below(column('predicted'))):(most_x) with filledcurves lc rgb unbounded, \
      limit(m, d, 'one') using 'rate':(seen(column('predicted'))) with lines lw 1.6 lc rgb '#d55e00', \
      limit(m, d, 'random') using 'rate':(seen(column('predicted'))) with lines lw 2.4 lc rgb 'black', \
      streams(m, d, 'one') using 'rate':(seen(column('measured'))) with points pt 6 ps 0.9 lc rgb '#d55e00', \
      streams(m, d, 'random') using 'rate':(seen(column('measured'))) with points pt 7 ps 0.8 lc rgb 'black'
  }
  if (r < words(two)) { @limits_of_one }
}

set title 'd_k'.blank.'= '.header('dk').'; points: streams'
entries = 7 + words(decays)
load 'plots/legend.gp'
plot NaN with filledcurves lc rgb monotone title 'monotone', \
  NaN with filledcurves lc rgb swinging title 'bounded, overshooting', \
  NaN with filledcurves lc rgb unbounded title 'one key: unbounded', \
  NaN with linespoints pt 6 lw 1.6 lc rgb '#d55e00' title 'limit, one key', \
  NaN with linespoints pt 7 lw 2.4 lc rgb 'black' title 'limit, random keys', \
  NaN with lines dt 2 lw 2 lc rgb theory title 'above: one key', \
  NaN with lines lw 2 lc rgb theory title 'above: random keys', \
  for [d in decays] NaN with lines lw 2 lc rgb hue(d) title 'above: '.d
unset multiplot

# SPDX-License-Identifier: GPL-3.0-or-later
# What all figures share.  Set by the caller: table (CSV), picture (output), format (svg, pdf, png); where the table has another name
# than its file or no list of methods in its header, also source and all_methods.
# A script sets `width` and `height` (pixels) and loads this.

if (!exists("format")) format = 'svg'
# Sizes of type are pixels of svg; png counts them in points of 96 to the inch, pdf of 72 and scaled, so that text takes the same room in all.
if (format eq 'svg') set terminal svg size width,height dynamic enhanced font "Helvetica,13" background rgb 'white'
if (format eq 'pdf') set terminal pdfcairo size width/96.,height/96. enhanced font "Helvetica,13" fontscale 0.5625 background rgb 'white'
if (format eq 'png') set terminal pngcairo size width,height enhanced font "Helvetica,13" fontscale 0.75 background rgb 'white'
set output picture
set encoding utf8
set datafile separator ','
set datafile columnheaders

# After a sub- or superscript: svg viewers drop a blank at the start of a piece of text, so that one begins with a word joiner, which is not seen.
blank = format eq 'svg' ? "\342\201\240\302\240" : ' '

# --- the table: rows that match, distinct values, header lines
pick(where) = sprintf("< awk -F, -v where='%s' -f plots/pick.awk '%s'", where, table)
values(column, where) = system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s'", column, where, table))
largest(column, where) = real(system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s' | sort -g | tail -n 1", column, where, table)))
smallest(column, where) = real(system(sprintf("awk -F, -v list=%s -v where='%s' -f plots/pick.awk '%s' | sort -g | head -n 1", column, where, table)))
# Of a table with several decays a figure that does not compare them shows the first.
first_decay(where) = 'decay='.word(values('decay', ''), 1).' '.where
# what an axis of that column is called, with its unit: the table says it
label(column) = system(sprintf("awk -v label=%s -v blank='%s' -f plots/pick.awk '%s'", column, blank, table))
# a text of the table in the notation of figures
superscript(text) = strstrt(text, '^2 ') ? text[1:strstrt(text, '^2 ') + 1].blank.text[strstrt(text, '^2 ') + 3:*] : text
header(key) = system(sprintf("sed -n 's/^# %s: //p' '%s'", key, table))

# --- one colour, dash and point per method, in all figures, by its place in the method table; exact is black and thickest.
# Colours: Okabe and Ito's (podo), the yellow darkened so that it shows on white.
if (!exists("all_methods")) all_methods = header('methods* table')   # of --method or --methods
row(m) = int(system(sprintf("echo '%s' | tr , '\n' | grep -nx '%s' | cut -d: -f1", all_methods, m)))
podo = '#d55e00 #0072b2 #009e73 #b8a000 #56b4e9 #cc79a7 #e69f00 #7f7f7f'
point_of(m) = m eq 'exact' ? 7 : 4 + (row(m) - 1) % 8
do for [m in system(sprintf("echo '%s' | tr , ' '", all_methods))] {
  i = row(m)
  set style line i lc rgb word(podo, (i - 1) % 8 + 1) lw 1.6 dt 1 + (i - 1) / 4 % 4 pt point_of(m) ps 0.5
  if (m eq 'exact') { set style line i lc rgb 'black' lw 3.5 dt 1 pt 7 ps 0.5 }
}
colour(m) = m eq 'exact' ? '000000' : word(podo, (row(m) - 1) % 8 + 1)[2:7]
# Intervals, using x:low:(0):(high - low) @interval: thin, unbroken, and without the white ring by which yerrorbars set off their points.
interval = "with vectors heads size screen 0.0025,90 fixed dt 1 lw 1.6"

# --- axes
set grid lc rgb '#dddddd' lw 0.6
set border lw 0.8
set tics nomirror
set format x '10^{%T}'
set format y '10^{%T}'
set key font ',11' spacing 1.05
shade = '#d9d9d9'      # below an oracle's floor
theory = '#404040'     # slopes and bounds
square(d) = 'd_k'.blank.'= d_v'.blank.'= '.d

# --- who made this: once per figure, in the strip of 25 pixels at the bottom that scripts leave free.  Labels belong to every plot of a
# multiplot, so a script does `eval provenance` before its last plot; plots/legend.gp, the last panel of most, does it for them.
if (!exists("source")) source = table
seed = header('seed')
date = header('date')
footer = sprintf("%s%s · commit %s%s", source, seed eq '' ? '' : ' · seed '.seed, header('commit'), date eq '' ? '' : ' · '.date)
provenance = "set label 1000 footer at screen 1 - 8. / width, screen 11. / height right font ',9' tc rgb '#606060' noenhanced"

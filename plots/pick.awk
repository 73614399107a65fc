# SPDX-License-Identifier: GPL-3.0-or-later
# Rows of a CSV table with given values: awk -F, -v where="column=value column=value" -f pick.awk TABLE.
# Prints the line of names and the rows that match; with -v list=COLUMN the distinct values of that column, in order, instead; with
# -v cut=COLUMN an empty line, at which gnuplot lifts the pen, where that column changes.
/^#/ { next }
!columns {
  columns = NF
  for (i = 1; i <= NF; i++) number[$i] = i
  wanted = split(where, parts, " ")
  for (p = 1; p <= wanted; p++) {
    split(parts[p], pair, "=")
    if (!(pair[1] in number)) { print "pick.awk: no column " pair[1] > "/dev/stderr"; exit 1 }
    key[p] = number[pair[1]]; value[p] = pair[2]
  }
  if (list == "") print
  next
}
{
  for (p = 1; p <= wanted; p++) if ($key[p] != value[p]) next
  if (cut != "") {
    if (rows++ && $number[cut] != last) print ""
    last = $number[cut]
  }
  if (list == "") print
  else if (!seen[$number[list]]++) print $number[list]
}

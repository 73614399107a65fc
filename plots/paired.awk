# SPDX-License-Identifier: GPL-3.0-or-later
# Means over seeds of a column y against a column x: awk -F, -v where="column=value ..." -v x=COLUMN -v y=COLUMN -f paired.awk TABLE.
# Prints x,mean,least,most,seeds, x increasing; with -v minus="column=value ..." of differences to the rows that those conditions pick
# instead, paired by seed.  Rows that are not finite do not count.
/^#/ { next }
!columns {
  columns = NF
  for (i = 1; i <= NF; i++) number[$i] = i
  next
}
{
  cell = $number[y]
  if (cell !~ /^[-+0-9.e]+$/) next
  at = $number[x] SUBSEP $number["seed"]
  if (meets(where)) value[at] = cell
  if (minus != "" && meets(minus)) other[at] = cell
}
END {
  for (at in value) {
    if (minus != "" && !(at in other)) continue
    split(at, part, SUBSEP)
    v = value[at] - (minus != "" ? other[at] : 0)
    p = part[1] + 0
    if (!n[p]++ || v < least[p]) least[p] = v
    if (n[p] == 1 || v > most[p]) most[p] = v
    sum[p] += v
  }
  print "x,mean,least,most,seeds"
  for (p in n) printf "%.17g,%.17g,%.17g,%.17g,%d\n", p, sum[p] / n[p], least[p], most[p], n[p] | "sort -g"
}

function meets(conditions,    parts, pair, wanted, i) {
  wanted = split(conditions, parts, " ")
  for (i = 1; i <= wanted; i++) {
    split(parts[i], pair, "=")
    if ($number[pair[1]] != pair[2]) return 0
  }
  return 1
}

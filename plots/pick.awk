# SPDX-License-Identifier: GPL-3.0-or-later
# Rows of a CSV table with given values: awk -F, -v where="column=value column>number column<number" -f pick.awk TABLE.
# Prints the line of names and the rows that match; with -v list=COLUMN the distinct values of that column, in order, instead; with
# -v cut=COLUMN an empty line, at which gnuplot lifts the pen, where that column changes.
# With -v label=COLUMN what an axis of that column is called, from the line "# column COLUMN [unit]: meaning; remarks" and in the notation
# of figures; blank stands after a superscript.  It is the name itself where there is no such line.
label != "" && /^#/ {
  if (match($0, "^# column " label "( \\[[^]]*\\])?: ")) {
    print as_label(substr($0, 1, RLENGTH), substr($0, RLENGTH + 1))
    found = 1
    exit
  }
}
label != "" && !/^#/ { exit }
/^#/ { next }
!columns {
  columns = NF
  for (i = 1; i <= NF; i++) number[$i] = i
  wanted = split(where, parts, " ")
  for (p = 1; p <= wanted; p++) {
    split(parts[p], pair, /[=<>]/)   # and not substr(), so that 1e-3 is the number 0.001
    if (!(pair[1] in number)) { print "pick.awk: no column " pair[1] > "/dev/stderr"; exit 1 }
    key[p] = number[pair[1]]; value[p] = pair[2]
    match(parts[p], /[=<>]/)
    relation[p] = substr(parts[p], RSTART, 1)
  }
  if (list == "") print
  next
}
{
  for (p = 1; p <= wanted; p++) if (!meets($key[p], relation[p], value[p])) next
  if (cut != "") {
    if (rows++ && $number[cut] != last) print ""
    last = $number[cut]
  }
  if (list == "") print
  else if (!seen[$number[list]]++) print $number[list]
}
END { if (label != "" && !found) print label }

# Neither inf nor nan is a number to be compared.
function meets(cell, relation, value) {
  if (relation == "=") return cell == value
  if (cell !~ /^[-+0-9.e]+$/) return 0
  return relation == "<" ? cell + 0 < value + 0 : cell + 0 > value + 0
}

function as_label(head, meaning,    unit) {
  sub(/;.*/, "", meaning)
  unit = match(head, /\[.*\]/) ? " (" substr(head, RSTART + 1, RLENGTH - 2) ")" : ""
  meaning = meaning unit
  gsub(/beta\*lambda/, "βλ", meaning)
  gsub(/\*lambda/, " λ", meaning)
  gsub(/lambda/, "λ", meaning)
  gsub(/beta/, "β", meaning)
  gsub(/gamma/, "γ", meaning)
  gsub(/rho/, "ρ", meaning)
  gsub(/sqrt\(n\)/, "√n", meaning)
  gsub(/dk/, "d_k", meaning)
  gsub(/k\^T k/, "k^T" blank "k", meaning)
  return meaning
}

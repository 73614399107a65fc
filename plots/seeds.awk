# SPDX-License-Identifier: GPL-3.0-or-later
# Of a table of trainings the mean, the least and the largest accuracy over seeds: awk -F, -v by="width,items" -f seeds.awk TABLE.
# Prints a table with a row for each config and value of the columns `by`: series, name, variant, method, those columns, mean, low, high,
# trained (how many), lost (how many of them diverged; their accuracy counts as 0).  Of several learning rates the one with the best mean
# counts.  A config is what mixer, method, decay, keys, beta and width make, but for columns of `by`; its name says what differs between
# configs; variant counts those of one method, from 0.
/^#/ { next }
!columns {
  columns = NF
  for (i = 1; i <= NF; i++) number[$i] = i
  panels = split(by, panel, ",")
  for (i = 1; i <= panels; i++) of_panel[panel[i]] = 1
  parts = split("mixer method decay keys beta width", part, " ")
  next
}
{
  config = place = ""
  for (i = 1; i <= parts; i++) if (!(part[i] in of_panel)) config = config $number[part[i]] ","
  for (i = 1; i <= panels; i++) place = place "," $number[panel[i]]
  if (!(config in known)) {
    known[config] = ++configs
    order[configs] = config
    for (i = 1; i <= parts; i++) text[configs, part[i]] = $number[part[i]]
  }
  if (!((config, place) in seen)) {
    seen[config, place] = ++cells
    of_config[cells] = known[config]
    of_place[cells] = place
  }
  cell = seen[config, place]
  if (!((cell, $number["lr"]) in trained)) rate[cell, ++rates[cell]] = $number["lr"]
  run = cell SUBSEP $number["lr"]
  value = $number["accuracy"]
  if (value !~ /^[-+0-9.e]+$/) { lost[run]++; value = 0 }
  if (!trained[run] || value + 0 < low[run]) low[run] = value + 0
  if (!trained[run] || value + 0 > high[run]) high[run] = value + 0
  trained[run]++
  sum[run] += value
}
END {
  for (i = 1; i <= parts; i++)
    for (c = 2; c <= configs; c++)
      if (text[c, "mixer"] != "softmax" && text[c, part[i]] != first_of(part[i])) differs[part[i]] = 1
  printf "series,name,variant,method"
  for (i = 1; i <= panels; i++) printf ",%s", panel[i]
  print ",mean,low,high,trained,lost"
  for (c = 1; c <= configs; c++) {
    name[c] = name_of(c)
    variant[c] = 0 + count[text[c, "method"]]++
  }
  for (cell = 1; cell <= cells; cell++) {
    best = ""
    for (r = 1; r <= rates[cell]; r++) {
      run = cell SUBSEP rate[cell, r]
      if (best == "" || sum[run] / trained[run] > sum[best] / trained[best]) best = run
    }
    c = of_config[cell]
    printf "%d,%s,%d,%s%s,%.6g,%.6g,%.6g,%d,%d\n", c, name[c], variant[c], text[c, "method"], of_place[cell], sum[best] / trained[best], low[best], high[best], trained[best], lost[best]
  }
}

# Of the first config that has a rule.
function first_of(column,    c) {
  for (c = 1; c < configs && text[c, "mixer"] == "softmax"; c++) ;
  return text[c, column]
}

function name_of(c,    name) {
  name = text[c, "mixer"] == "softmax" ? "softmax attention" : text[c, "method"]
  if (text[c, "mixer"] != "softmax") {
    if (differs["keys"]) name = name "; " text[c, "keys"] " keys"
    if (differs["decay"]) name = name "; decay " text[c, "decay"]
    if (differs["beta"]) name = name "; " text[c, "beta"]
  }
  if (differs["width"] && !("width" in of_panel)) name = name "; width " text[c, "width"]
  return name
}

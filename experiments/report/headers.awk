# SPDX-License-Identifier: GPL-3.0-or-later
# A public header as doxygen reads it: a comment directly before a declaration or after it on its line becomes one of
# doxygen's; one that stands before several declarations without an empty line between them is that of each of them
# which has none on its line. The first
# comment after the licence is the file's. NAME: the header as it is included.
function declares(line) { return line ~ /^([a-z]|#define EFLA_)/ && line !~ /^extern "C"/ }
{ blank = $0 ~ /^[ \t]*$/ }
FNR == 1 && /SPDX/ { next }
# A comment of its own lines, which may be indented.
!inside && /^[ ]*\/\*/ && !/\*\/./ {
  held = $0
  if (/\*\//) of_what = 1
  else inside = 1
  next
}
inside {
  held = held "\n" $0
  if (/\*\//) { inside = 0; of_what = 1 }
  next
}
of_what {
  of_what = 0
  if (!described) {
    described = 1
    sub(/\/\*/, "/** @file " NAME "\n *\n *", held)
    print markup(held)
    held = ""
  } else if (blank || /^#(if|endif)/) {
    print held
    held = ""
  } else {
    put_held()
  }
}
# Indented lines of a comment stay as they are; a page of docs is linked.
function markup(text,   n, i, line, out, verbatim, indented) {
  n = split(text, line, "\n")
  for (i = 1; i <= n; i++) {
    indented = line[i] ~ /^ *\*     *[^ ]/ && line[i] !~ /^ *\* [^ ]/
    if (indented && !verbatim) out = out " * @verbatim\n"
    if (!indented && verbatim) out = out "@endverbatim\n"
    verbatim = indented
    if (indented) sub(/^ *\*/, "", line[i])
    out = out line[i] (i < n ? "\n" : "")
  }
  return linked(out)
}
function linked(text,   at, page, anchor) {
  while (match(text, /docs\/[a-z_]*\.md#[a-z0-9-]*/)) {
    at = substr(text, RSTART, RLENGTH)
    page = substr(at, 6, index(at, ".md") - 6)
    anchor = substr(at, index(at, "#") + 1)
    text = substr(text, 1, RSTART - 1) "[docs/" page ", " anchor "](../docs/" page ".html\001" anchor ")" substr(text, RSTART + RLENGTH)
  }
  gsub(/\001/, "#", text)
  return text
}
function put_held(  text) {
  text = markup(held)
  sub(/\/\*/, "/**", text)
  print text
  shared = held ~ /^\/\*/ ? text : ""
  held = ""
  own = 1
}
{
  if (blank) shared = ""
  else if (!deep && declares($0) && !own && shared != "" && begins && !/\*\/$/) print shared
  own = 0
  begins = 0
  line = $0
  if (line !~ /^#/ || line ~ /^#define/) sub(/\/\* /, "/**< ", line)
  print line
  code = $0
  sub(/\/\*.*/, "", code)
  if (code !~ /extern "C"/ && code !~ /^}$/) deep += gsub(/{/, "{", code) - gsub(/}/, "}", code)
  begins = !deep && code ~ /;[ ]*$|^#define.*[^\\]$/
}

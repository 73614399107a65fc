# SPDX-License-Identifier: GPL-3.0-or-later
# A public header as doxygen reads it, which takes comments that begin with two stars. NAME: the header's name there.
#
# The first comment after the licence is the file's. One directly before a declaration or a member is its own; before
# several declarations without an empty line between them, each one's that has none behind it. One behind a declaration
# or a member, on its line, is its own. All others stay as they are. Indented lines of a comment are shown as they are.

function declares(line) { return line ~ /^([a-z]|#define EFLA_)/ && line !~ /^extern "C"/ }

# Citations of a page of docs become links.
function linked(text,   page, anchor) {
  while (match(text, /docs\/[a-z_]*\.md#[a-z0-9-]*/)) {
    page = substr(text, RSTART + 5, RLENGTH - 5)
    anchor = page
    sub(/\.md#.*/, "", page)
    sub(/.*#/, "", anchor)
    text = substr(text, 1, RSTART - 1) "[docs/" page ", " anchor "](../docs/" page ".html#" anchor ")" substr(text, RSTART + RLENGTH)
  }
  return text
}

function marked_up(text,   n, i, line, out, verbatim, indented) {
  n = split(text, line, "\n")
  for (i = 1; i <= n; i++) {
    indented = line[i] ~ /^ *\*     *[^ ]/
    if (indented && !verbatim) out = out " * @verbatim\n"
    if (!indented && verbatim) out = out "@endverbatim\n"
    verbatim = indented
    if (indented) sub(/^ *\*/, "", line[i])
    out = out line[i] (i < n ? "\n" : "")
  }
  return linked(out)
}

# Prints the comment that has just ended, before the line that follows it.
function put_comment(following) {
  shared = ""
  if (!described) {
    described = 1
    sub(/\/\*/, "/** @file " NAME "\n *\n *", comment)
    comment = marked_up(comment)
  } else if (following !~ /^[ \t]*$/ && following !~ /^#(if|endif)/) {
    comment = marked_up(comment)
    sub(/\/\*/, "/**", comment)
    if (comment ~ /^\/\*/) shared = comment
  }
  print comment
  comment = ""
}

function put_line(line,   code) {
  if (line ~ /^[ \t]*$/) shared = ""
  code = line
  sub(/\/\*.*/, "", code)
  if (code !~ /extern "C"/ && code !~ /^}$/) deep += gsub(/{/, "{", code) - gsub(/}/, "}", code)
  ended = !deep && code ~ /;[ ]*$|^#define.*[^\\]$/ # so that another declaration may begin on the next line
  if (line !~ /^#/ || line ~ /^#define/) sub(/\/\* /, "/**< ", line)
  print line
}

FNR == 1 && /SPDX/ { next }
inside || /^ *\/\*/ {
  comment = inside ? comment "\n" $0 : $0
  inside = !/\*\//
  complete = !inside
  next
}
complete {
  put_comment($0)
  complete = ended = 0
}
ended && shared && declares($0) && !/\*\/$/ { print shared }
{ put_line($0) }

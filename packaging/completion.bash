# Completion for the programs of the EFLA toolkit, which are asked for their options and choices: --help is made from their
# tables.  This file is read under the name of the program to complete.

_efla_options() { ARGP_HELP_FMT=rmargin=10000,opt-doc-col=60 "$1" --help 2>/dev/null | grep '^ *-'; }

# Values of one option: names of its table, after the last comma of a list; or files.
_efla_values() { # LINE OF HELP, WORD SO FAR
  local line=$1 word=$2 before=
  if [[ $line == *'; one of '* ]]; then
    local names=${line#*; one of }
    names=${names%%;*}
    if [[ $line == *'(comma-separated)'* ]]; then
      names+=" all"
      [[ $word == *,* ]] && before=${word%,*},
    fi
    COMPREPLY=($(compgen -P "$before" -W "${names//,/}" -- "${word##*,}"))
    [[ $line == *'(comma-separated)'* ]] && compopt -o nospace 2>/dev/null
  elif [[ $line == *=DIR* ]]; then
    COMPREPLY=($(compgen -d -- "$word"))
  elif [[ $line == *=FILE* ]]; then
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}

_efla() {
  local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} line
  [[ $word == = ]] && word= # bash cuts --option=value into three words
  [[ $option == = ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
  COMPREPLY=()
  if [[ $option == --* ]] && line=$(_efla_options "$1" | grep -m 1 -- " $option="); then
    _efla_values "$line" "$word"
  else
    COMPREPLY=($(compgen -W "$(_efla_options "$1" | sed 's/^ *\(-., \)\?\(--[a-z0-9-]*=\?\).*/\2/')" -- "$word"))
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
  fi
}

complete -F _efla "${BASH_SOURCE[0]##*/}"

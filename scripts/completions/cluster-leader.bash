# shellcheck shell=bash
# Completion of cluster-leader for bash.
# @origin@

# Completes with the words of $1 that begin with what was typed.
_cluster_leader_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}

# Completes with what compgen finds, which may contain blanks.
_cluster_leader_found() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$@" -- "$word")
}

# Completes the value of option $2 of verb $1; fails if that option has none.
_cluster_leader_value() {
  case "$1 $2" in
    # @values@
    *) return 1 ;;
  esac
}

# Completes an option of verb $1.
_cluster_leader_option() {
  case $1 in
    # @options@
  esac
}

# Completes the command that begins at word $1 as if it were alone.
_cluster_leader_command() {
  if declare -F _comp_command_offset >/dev/null; then
    _comp_command_offset "$1"
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)); then
    _cluster_leader_found -c
  else
    _cluster_leader_found -f
  fi
}

_cluster_leader() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} i has_equals=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [ "${COMP_WORDS[i]}" = -- ]; then
      _cluster_leader_command $((i + 1))
      return
    fi
  done
  # An equals sign is a word of its own here.
  if [ "$word" = = ]; then
    word='' has_equals=yes
  elif [ "$before" = = ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]} has_equals=yes
  fi
  if ((COMP_CWORD == 1)); then
    _cluster_leader_words '@verbs@ --help --version'
  else
    _cluster_leader_value "$verb" "$before" || [ -n "$has_equals" ] || _cluster_leader_option "$verb"
  fi
}

complete -F _cluster_leader cluster-leader

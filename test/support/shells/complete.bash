# shellcheck shell=bash
# Prints what the completion in FILE offers for each LINE with the cursor at its end: one candidate per
# line, then a line "end". The lines are typed, since only readline knows how bash splits them into
# words.
#
# usage: bash complete.bash FILE LINE...
file=$1
shift

settings=$(mktemp)
said=$(mktemp)
trap 'rm -f "$settings" "$said"' EXIT
cat >"$settings" <<SETTINGS
PS1=
. /usr/share/bash-completion/bash_completion
. '$file'
said='$said'
SETTINGS
cat >>"$settings" <<'SETTINGS'
inside=0
spy() {
  # The command inside our own command line may itself be ours.
  inside=$((inside + 1))
  _cluster_leader "$@"
  inside=$((inside - 1))
  if [ "$inside" -gt 0 ]; then return; fi
  for candidate in "${COMPREPLY[@]}"; do printf '%s\n' "$candidate"; done >>"$said"
  echo end >>"$said"
  COMPREPLY=()
}
complete -F spy cluster-leader
SETTINGS

# Tab, then ^U to start over.
for line; do printf '%s\t\025' "$line"; done | bash --rcfile "$settings" -i >/dev/null 2>&1
cat "$said"

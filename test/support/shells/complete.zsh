# Prints what the completion in FILE offers for each LINE with the cursor at its end: one candidate per
# line, then a line "end". zsh completes only what is typed at a terminal.
#
# usage: zsh -f complete.zsh FILE LINE...
zmodload zsh/zpty || exit

file=$1
shift
work=$(mktemp -d)

print -r -- '
  fpath=('${(q)file:h}' $fpath)
  autoload -Uz compinit && compinit -u -d '${(q)work}'/dump
  bindkey "^I" complete-word
  zstyle ":completion:*" menu no
  compadd() {
    # With these options it only collects the matches.
    if [[ " ${(j: :)@[1,(i)(-|--)]} " != *\ -(A|O|D)\ * ]]; then
      local -a found
      builtin compadd -A found "$@"
      (( $#found )) && print -rl -- $found >>'${(q)work}'/said
    fi
    builtin compadd "$@"
  }
  said() {
    print end >>'${(q)work}'/said
    compstate[insert]= compstate[list]=
    print -n "s""aid"
  }
  anew() {
    BUFFER=
    comppostfuncs=(said)
    print -n "li""stens"
  }
  zle -N anew
  bindkey "^X" anew
' >$work/settings

zpty typist zsh -f -i
zpty -w typist "PS1= ; . $work/settings; print re''ady"
zpty -r typist got '*ready*'
for line; do
  zpty -w -n typist $'\C-X'
  zpty -r typist got '*listens*'
  zpty -w -n typist $line$'\t'
  zpty -r typist got '*said*'
done
zpty -d typist
cat $work/said
rm -rf $work

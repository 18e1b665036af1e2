# Says what the completion in FILE offers for each LINE when the cursor is at its end: one candidate a
# line, and then a line "end".
#
# usage: fish --no-config complete.fish FILE LINE...
source $argv[1]
for line in $argv[2..-1]
    # Behind a tab stands the description.
    complete -C $line | string replace -r '\t.*' ''
    echo end
end

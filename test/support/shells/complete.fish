# Prints what the completion in FILE offers for each LINE with the cursor at its end: one candidate per
# line, then a line "end".
#
# usage: fish --no-config complete.fish FILE LINE...
source $argv[1]
for line in $argv[2..-1]
    # A tab separates the description.
    complete -C $line | string replace -r '\t.*' ''
    echo end
end

# Completion of cluster-leader for fish.
# @origin@

function __cluster_leader_has_no_verb
    test (count (commandline -opc)) -eq 1
end

# Whether the verb is one of $argv and the cursor is among its options.
function __cluster_leader_at
    set -l words (commandline -opc)
    contains -- "$words[2]" $argv; and not contains -- -- $words
end

function __cluster_leader_in_command
    contains -- -- (commandline -opc)
end

# Completes the command as if it were alone.
function __cluster_leader_command
    set -l words (commandline -opc)
    set -l begin (math (contains -i -- -- $words) + 1)
    set -l command (string escape -- $words[$begin..-1]) (commandline -ct)
    complete --do-complete=(string join ' ' -- $command)
end

complete -c cluster-leader -f
complete -c cluster-leader -n __cluster_leader_in_command -a '(__cluster_leader_command)'
complete -c cluster-leader -n __cluster_leader_has_no_verb -s h -l help -d 'show the verbs'
complete -c cluster-leader -n __cluster_leader_has_no_verb -l version -d 'show the version'
# @rules@

# SPDX-License-Identifier: MIT
# Completions for fish. p11dbus itself knows what can be completed (cli/complete/answer.h); only
# file names are left to fish.
# The p11dbus of PATH is asked, whatever path was typed: the tab key runs nothing else.

function __p11dbus_complete
    # The word at the cursor comes as it is typed: a quotation mark may be open.
    set -l word (commandline -ct)
    set word (string unescape -- $word; or string unescape -- $word\'; or string unescape -- $word\")
    set -l answer (command p11dbus complete -- (commandline -opc)[2..] "$word" 2>/dev/null)
    set -l head (string split \t -- $answer[1])
    string join \n -- $head[2]$answer[2..]
    set -l path (string sub -s (math 1 + (string length -- "$head[2]")) -- "$word")
    switch "$head[1]"
        case file
            string join \n -- $head[2](__fish_complete_path $path)
        case directory
            string join \n -- $head[2](__fish_complete_directories $path)
    end
end

complete -c p11dbus -f -a '(__p11dbus_complete)'

# SPDX-License-Identifier: MIT
# Completions for bash. p11dbus itself knows what can be completed, and how bash has to have it
# quoted (cli/complete/answer.h); only file names are left to bash.
# The p11dbus of PATH is asked, whatever path was typed: the tab key runs nothing else.

_p11dbus() {
    local files prefix
    {
        IFS=$'\t' read -r files prefix
        mapfile -t COMPREPLY
    } < <(command p11dbus complete --line "${COMP_LINE:0:COMP_POINT}" -- "$2" 2>/dev/null)
    case $files in
        file) compopt -o default ;;
        directory) compopt -o dirnames ;;
        *) return ;;
    esac
    # Where '=' breaks no words (COMP_WORDBREAKS), bash takes the option for a part of the name.
    if [[ $prefix && $2 == "$prefix"* && ! ${COMPREPLY[*]} ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -A "$files" -P "$prefix" -- "${2#"$prefix"}")
    fi
}

complete -F _p11dbus p11dbus

#!/bin/sh
# Runs in a provider's sandbox, which needs `base64`. The protocol's commands take and give texts. So that bytes pass, a command
# whose bytes matter is run by this, with base64 on both sides: $1 says which sides (in, both), what follows is the command.
# Its exit code is that of the whole.
MODE=$1; shift
case $MODE in
in) base64 -d | "$@" ;;
*) { { { { base64 -d | "$@" 3>&- 4>&-; echo $? >&3; } | base64 >&4; } 3>&1; } | { read -r CODE; exit "$CODE"; }; } 4>&1 ;;
esac

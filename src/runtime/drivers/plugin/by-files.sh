#!/bin/sh
# Runs in a provider's sandbox. $1 the file that the command reads, $2 the one that it writes, empty where it has neither; what
# follows is the command.
IN=$1; OUT=$2; shift 2
if [ -n "$IN" ]; then exec < "$IN"; fi
if [ -n "$OUT" ]; then mkdir -p -- "${OUT%/*}" && exec > "$OUT" || exit; fi
exec "$@"

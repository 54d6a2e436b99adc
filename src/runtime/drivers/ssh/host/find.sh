#!/bin/sh
# Runs on an SSH host. Looks for what $3 effectId has made. Prints `found=<URL or nothing>` or `none`.
. ./common.sh
[ -d "$D" ] || { echo none; exit 0; }
must_lock
kept "$D/effect"
if [ "$KEPT" = "$3" ]; then kept "$D/url"; printf 'found=%s\n' "$KEPT"; else echo none; fi

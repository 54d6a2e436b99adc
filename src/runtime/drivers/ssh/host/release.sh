#!/bin/sh
# Runs on an SSH host. Ends the lease there, and whatever still runs for it. What is left is a mark that it has ended, for
# commands that are still on their way; marks of more than a day ago go too. Prints `cleaned` or `nothing`.
. ./common.sh
[ -d "$L" ] || { echo nothing; exit 0; }
must_lock
result=nothing
if [ -d "$D" ]; then mv "$D" "$E" && result=cleaned || exit 74
else mkdir -p "$E" || exit 74
fi
unlock
for run in "$E"/run/*; do [ -f "$run" ] && end_session "$run"; done
rm -rf "${E:?}"/* "$L/new.$LEASE"
find "$L/ended" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} + 2>/dev/null
echo $result

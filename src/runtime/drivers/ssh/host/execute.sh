#!/bin/sh
# Runs on an SSH host. Runs a command for a lease that is live. $3 executionId, $4 fence, $5 seconds after which it is over
# for sure, $6 length of the header on the standard input (see command-header.ts); 0 where the header is one line that a
# shell reads unharmed, which saves a process. $7 the mark.
# The rest of the input is the command's; it comes once the host has said that the command has started. The first line on
# the standard error after the mark is `started`, or `failed=<reason> <text>`; then the output is the command's alone.
#
# The command has a session of its own, so that it is ended with all its children; a watch ends it when the connection is gone.
#
# shellcheck disable=SC2034 # the header, which is evaluated, uses SIGNALS
. ./common.sh
ID=$3; FENCE=$4; SECONDS_LEFT=$5; LENGTH=$6; MARK=$7
if [ "$LENGTH" -gt 0 ]; then HEADER=$(head -c "$LENGTH"); else IFS= read -r HEADER; fi
say() { printf '%s\n' "$MARK$1" >&2; }
fail() { say "failed=$1 $2"; exit 0; }
[ -d "$D" ] || fail stale_fence 'The lease is not the holder any more: it is not on this host, or has ended.'
lock || fail driver_failed 'The lock in .leasehold cannot be had.'
kept "$D/fence"; [ "$KEPT" = "$FENCE" ] || fail stale_fence 'The lease is not the holder any more: it has ended on this host.'
[ ! -e "$D/run/$ID" ] || fail driver_failed 'The command was given up before it had begun.'
if [ -e "$D/exclusive" ]; then
  for other in "$L"/leases/*/fence; do
    kept "$other"; [ "${KEPT:-0}" -gt "$FENCE" ] && fail stale_fence 'The lease is not the holder any more: a newer one holds the host.'
  done
fi
SESSION=$PPID
SIGNALS=; [ -e "$D/signals" ] && SIGNALS=--default-signal=INT,QUIT
exec 3<&0
eval "$HEADER"
# A program takes only so many words, and a shell says so too late: when the command counts as begun.
[ "$LENGTH" -lt 65536 ] || ( eval "$GIVEN"; exec env true "$@" ) 2>/dev/null || fail driver_failed 'The arguments and values are longer than the host takes.'
printf '%s\n' "$MARK"
say started
if command -v setsid >/dev/null 2>&1; then SETSID=setsid; else SETSID=; set -m; fi
( unset PWD OLDPWD SHLVL; eval "$GIVEN"; exec $SETSID "$@" ) <&3 3<&- 9>&- &
PID=$!
started "$PID"
printf '%s %s' "$PID" "$STARTED" > "$D/run/$ID"
unlock
# From here on the streams are the command's alone.
exec 3<&- </dev/null >/dev/null 2>&1
(
  while [ "$SECONDS_LEFT" -gt 0 ] && kill -0 "$SESSION" && kill -0 "$PID"; do sleep 1; SECONDS_LEFT=$((SECONDS_LEFT - 1)); done
  kill -0 "$PID" && end_session "$D/run/$ID" "$E/run/$ID"
) &
WATCH=$!
wait "$PID"; CODE=$?
kill "$WATCH"
# Children that it has left behind are ended with the lease. Looking for them takes as long as all the rest, so nobody waits for it.
( left_of "$PID" || rm -f "$D/run/$ID" "$E/run/$ID" ) &
exit $CODE

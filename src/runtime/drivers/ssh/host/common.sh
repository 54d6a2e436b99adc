#!/bin/sh
# Put in front of every program for SSH hosts. $1 remoteWorkspacePath, $2 leaseId.
#
# Runs in whatever sh a host has, with what every host has; `flock`, `setsid`, `ps`, `pgrep`, `curl` and `wget` are used where they
# are there. Values come as arguments, so that no value is ever read as a program.
#
# What Leasehold keeps on a host is in <remoteWorkspacePath>/.leasehold, which hides itself from git:
#   lock                held while anything in there is changed
#   leases/<leaseId>/   a live lease: state (live), fence, effect, url, exclusive and signals where they are so, and
#                       run/<executionId>: the process id of a command's session, and when it started
#   probe               tells whether the disk has room; empty again after that
#   ended/<leaseId>/    one that has ended. It gets there by a rename, which a full disk does not prevent.
# Under the lock no process is started for each lease: a host may have thousands that have ended.
#
# shellcheck disable=SC2034 # other files use some of the variables
set -u
W=$1; LEASE=$2; L=$W/.leasehold; D=$L/leases/$LEASE; E=$L/ended/$LEASE
lock() {
  if command -v flock >/dev/null 2>&1; then { true >>"$L/lock"; } 2>/dev/null && exec 9>>"$L/lock" && flock -w 20 9
  else
    n=0
    until mkdir "$L/lock.d" 2>/dev/null; do
      n=$((n + 1)); [ "$n" -gt 200 ] && return 1
      # A process that was killed while it had the lock does not keep it for ever.
      [ $((n % 50)) -eq 0 ] && [ -n "$(find "$L/lock.d" -prune -mmin +2 2>/dev/null)" ] && rmdir "$L/lock.d" 2>/dev/null
      sleep 0.1
    done
    trap 'rmdir "$L/lock.d" 2>/dev/null' EXIT
  fi
}
must_lock() { lock || { echo 'The lock in .leasehold cannot be had.' >&2; exit 75; }; }
unlock() {
  if command -v flock >/dev/null 2>&1; then exec 9>&-; else rmdir "$L/lock.d" 2>/dev/null; trap - EXIT; fi
}
kept() { KEPT=; { read -r KEPT < "$1"; } 2>/dev/null || :; }
# Tells a process from another one that got its number later; nothing where there is no /proc.
started() {
  STARTED=; { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 0
  # shellcheck disable=SC2086 # fields, a word each
  set -- ${stat##*) }; STARTED=${20}
}
alive() { for one in "$@"; do kill -0 "$one" 2>/dev/null && return 0; done; return 1; }
session_of() { command -v pgrep >/dev/null 2>&1 && pgrep -s "$1"; }
# Whether anything is left of a command: in its group or, where that can be seen, in its session. Every command asks it, and
# pgrep, which reads far more of each process, takes several times as long.
left_of() {
  alive "-$1" "$1" && return 0
  [ -r /proc/self/stat ] || { [ -n "$(session_of "$1")" ]; return; }
  grep -qs ") [A-Za-z] [0-9]* [0-9]* $1 " /proc/[0-9]*/stat
  # 1 and 2: none, whether or not a process went while they were looked at. Else grep could not run, and nobody knows.
  case $? in 1 | 2) return 1 ;; *) return 0 ;; esac
}
children_of() {
  ps -A -o pid= -o ppid= 2>/dev/null | awk -v root="$1" '{ up[$1] = $2 } END {
    for (one in up) { at = one; while (at != root && at + 0 > 1) at = up[at]; if (at == root) print one }
  }'
}
# Takes files of run/. Children in sessions of their own are found before their parents go.
end_session() {
  pid=
  for run in "$@"; do [ -n "$pid" ] || { { read -r pid since < "$run"; } 2>/dev/null || :; }; done
  case $pid in '' | *[!0-9]*) return 0 ;; esac
  started "$pid"
  [ -z "$STARTED" ] || [ "$STARTED" = "$since" ] || return 0
  left_of "$pid" || return 0
  all="$(children_of "$pid") $(session_of "$pid")"
  for one in "-$pid" "$pid" $all; do kill -TERM "$one" 2>/dev/null; done
  n=0
  # shellcheck disable=SC2086 # numbers, a word each
  while [ "$n" -lt 20 ] && alive "-$pid" "$pid" $all; do n=$((n + 1)); sleep 0.05; done
  for one in "-$pid" "$pid" $all $(session_of "$pid"); do kill -KILL "$one" 2>/dev/null; done
  return 0
}

import { UNABLE_TOOLS } from '../unable-tools.js';

/*
 * What runs on the host, in POSIX sh, with nothing but what every host has; `flock`, `setsid`, `ps`, `curl` and `wget` are used
 * where they are there. Each script gets its values as arguments, so that no value is ever read as a program.
 *
 * What Leasehold keeps on a host is in <remoteWorkspacePath>/.leasehold, which hides itself from git:
 *   lock                held while anything in there is changed
 *   leases/<leaseId>/   a live lease: state (live), fence, effect, url, exclusive and signals where they are so, and
 *                       run/<executionId>: the process id of a command's session, and when it started
 *   probe               what tells whether the disk has room; empty again after it has
 *   ended/<leaseId>/    one that has ended. It gets there by a rename, which a full disk does not prevent.
 * Under the lock nothing is done for each lease that needs a process: a host may have thousands that have ended.
 */

/** In every script: $1 remoteWorkspacePath, $2 leaseId. */
export const COMMON = `
set -u
W=$1; LEASE=$2; L=$W/.leasehold; D=$L/leases/$LEASE; E=$L/ended/$LEASE
lock() {
  if command -v flock >/dev/null 2>&1; then { true >>"$L/lock"; } 2>/dev/null && exec 9>>"$L/lock" && flock -w 20 9
  else
    n=0
    until mkdir "$L/lock.d" 2>/dev/null; do
      n=$((n + 1)); [ $n -gt 200 ] && return 1
      # Whoever was killed while he had it does not keep it for ever.
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
  set -- \${stat##*) }; STARTED=\${20}
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
  while [ $n -lt 20 ] && alive "-$pid" "$pid" $all; do n=$((n + 1)); sleep 0.05; done
  for one in "-$pid" "$pid" $all $(session_of "$pid"); do kill -KILL "$one" 2>/dev/null; done
  return 0
}
`;

/**
 * Makes sure of the workspace and records the lease as live. $3 effectId, $4 fence, $5 exclusive (true, false), then the URLs
 * that may be the service's. Prints `ok=<URL or nothing>`, or `failed=<reason> <text>`.
 */
export const ACQUIRE = `${COMMON}
EFFECT=$3; FENCE=$4; EXCLUSIVE=$5; shift 5
LC_ALL=C; export LC_ALL
fail() { rm -f "$L/probe"; printf 'failed=%s %s\\n' "$1" "$2"; exit 0; }
unwritable() {
  case $1 in
    *"No space left"*|*"quota exceeded"*|*"Disk quota"*|*"I/O error"*) fail disk_full "$1" ;;
    *) fail workspace_not_writable "$1" ;;
  esac
}
[ -d "$L/leases" ] && [ -d "$L/ended" ] || said=$(mkdir -p "$L/leases" "$L/ended" 2>&1) || unwritable "$said"
said=$( { printf '*\\n' > "$L/.gitignore" && printf %65536s '' > "$L/probe" && : > "$L/probe"; } 2>&1) || unwritable "$said"
URL=
if [ $# -gt 0 ]; then
  if command -v curl >/dev/null 2>&1; then ask() { curl -fsS -m 5 -o /dev/null "$1/api/health" 2>/dev/null; }
  elif command -v wget >/dev/null 2>&1; then ask() { wget -q -T 5 -t 1 -O /dev/null "$1/api/health" 2>/dev/null; }
  else fail tool_missing 'The host has neither curl nor wget to find the service with.'
  fi
  for candidate in "$@"; do if ask "\${candidate%/}"; then URL=$candidate; break; fi; done
  [ -n "$URL" ] || fail runtime_api_unreachable 'None of the URLs of LEASEHOLD_RUNTIME_API_CANDIDATES answers from the host.'
fi
# The lease is put together beside the others, so that the lock is held for a rename alone.
N=$L/new.$LEASE
said=$( { { [ ! -e "$N" ] || rm -rf "$N"; } && mkdir -p "$N/run" && printf %s "$EFFECT" > "$N/effect" && printf %s "$FENCE" > "$N/fence" &&
  printf %s "$URL" > "$N/url" && printf live > "$N/state" &&
  { [ "$EXCLUSIVE" != true ] || printf true > "$N/exclusive"; } &&
  # A shell's background commands ignore these two signals; where env can, it undoes that.
  { ! env --default-signal=INT,QUIT true 2>/dev/null || printf true > "$N/signals"; } } 2>&1) || { rm -rf "$N"; unwritable "$said"; }
refuse() { rm -rf "$N"; fail "$@"; }
lock || refuse workspace_not_writable 'The lock in .leasehold cannot be had.'
[ ! -e "$E" ] || refuse stale_fence 'The lease has ended on this host.'
if [ ! -e "$D" ]; then
  for other in "$L"/leases/*/exclusive; do [ -e "$other" ] && refuse host_taken 'An exclusive lease holds the host.'; done
  if [ "$EXCLUSIVE" = true ]; then
    for other in "$L"/leases/*/; do [ -d "$other" ] && refuse host_taken 'Another lease holds the host.'; done
  fi
  said=$(mv "$N" "$D" 2>&1) || { rm -rf "$N"; unwritable "$said"; }
fi
unlock
[ ! -e "$N" ] || rm -rf "$N"
kept "$D/url"; URL=$KEPT
printf 'ok=%s\\n' "$URL"
`;

/** Looks for what $3 effectId has made. Prints `found=<URL or nothing>` or `none`. */
export const FIND = `${COMMON}
[ -d "$D" ] || { echo none; exit 0; }
must_lock
kept "$D/effect"
if [ "$KEPT" = "$3" ]; then kept "$D/url"; printf 'found=%s\\n' "$KEPT"; else echo none; fi
`;

/**
 * Ends the lease on the host, and whatever still runs for it. What is left is a mark that it has ended, for commands that are
 * still on their way; marks of more than a day ago go too. Prints \`cleaned\` or \`nothing\`.
 */
export const RELEASE = `${COMMON}
[ -d "$L" ] || { echo nothing; exit 0; }
must_lock
result=nothing
if [ -d "$D" ]; then mv "$D" "$E" && result=cleaned || exit 74
else mkdir -p "$E" || exit 74
fi
unlock
for run in "$E"/run/*; do [ -f "$run" ] && end_session "$run"; done
rm -rf "$E"/* "$L/new.$LEASE"
find "$L/ended" -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {} + 2>/dev/null
echo $result
`;

/** Looks at a host without leaving anything there. Prints `workspace=writable|absent|…` and `missing=<tools that it has not, or that cannot do what is asked of them>`. */
export const PROBE = `${COMMON}${UNABLE_TOOLS}
P=$W
if [ ! -e "$P" ]; then
  while [ ! -e "$P" ] && [ "$P" != / ] && [ -n "$P" ]; do P=\${P%/*}; done
  [ -d "\${P:-/}" ] && [ -w "\${P:-/}" ] && echo 'workspace=will be made' || echo 'workspace=cannot be made'
elif [ ! -d "$P" ]; then echo 'workspace=is not a folder'
elif said=$( { : > "$P/.leasehold-probe.$$"; } 2>&1); then rm -f "$P/.leasehold-probe.$$"; echo 'workspace=writable'
else echo 'workspace=is not writable'
fi
missing=
for tool in flock setsid ps git curl; do command -v $tool >/dev/null 2>&1 || missing="$missing $tool"; done
for tool in $(unable_tools); do missing="$missing $tool"; done
echo "missing=$missing"
`;

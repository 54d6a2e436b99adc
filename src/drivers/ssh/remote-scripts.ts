/*
 * What runs on the host, in POSIX sh, with nothing but what every host has; `flock`, `setsid`, `curl` and `wget` are used
 * where they are there. Each script gets its values as arguments, so that no value is ever read as a program.
 *
 * What Leasehold keeps on a host is in <remoteWorkspacePath>/.leasehold, which hides itself from git:
 *   lock                   held while anything in there is read or changed
 *   leases/<leaseId>/      state (live, ended), fence, effect, exclusive, and run/<executionId>: the session's process id
 */

/** In every script: $1 remoteWorkspacePath, $2 leaseId. */
const COMMON = `
set -u
W=$1; LEASE=$2; L=$W/.leasehold; D=$L/leases/$LEASE
lock() {
  if command -v flock >/dev/null 2>&1; then exec 9>>"$L/lock" && flock -w 20 9
  else
    n=0
    until mkdir "$L/lock.d" 2>/dev/null; do
      n=$((n + 1)); [ $n -gt 200 ] && return 1
      sleep 0.1
    done
    trap 'rmdir "$L/lock.d" 2>/dev/null' EXIT
  fi
}
unlock() {
  if command -v flock >/dev/null 2>&1; then exec 9>&-; else rmdir "$L/lock.d" 2>/dev/null; trap - EXIT; fi
}
kept() { cat "$L/leases/$1/$2" 2>/dev/null; }
end_session() {
  kill -TERM "-$1" 2>/dev/null || return 0
  n=0
  while [ $n -lt 10 ]; do kill -0 "-$1" 2>/dev/null || break; n=$((n + 1)); sleep 0.1; done
  kill -KILL "-$1" 2>/dev/null
  command -v pkill >/dev/null 2>&1 && pkill -KILL -s "$1" 2>/dev/null
  return 0
}
`;

/**
 * Makes sure of the workspace and records the lease as live. $3 effectId, $4 fence, $5 exclusive (true, false), then the URLs
 * that may be the service's. Prints `ok=<URL or nothing>`, or `failed=<reason> <text>`.
 */
export const ACQUIRE = `${COMMON}
EFFECT=$3; FENCE=$4; EXCLUSIVE=$5; shift 5
fail() { printf 'failed=%s %s\\n' "$1" "$2"; exit 0; }
unwritable() {
  case $1 in
    *"No space left"*|*"quota exceeded"*|*"Disk quota"*|*"I/O error"*) fail disk_full "$1" ;;
    *) fail workspace_not_writable "$1" ;;
  esac
}
said=$(mkdir -p "$L/leases" 2>&1) || unwritable "$said"
said=$( { printf '*\\n' > "$L/.gitignore" && head -c 65536 /dev/zero > "$L/probe.$LEASE"; } 2>&1) || { rm -f "$L/probe.$LEASE"; unwritable "$said"; }
rm -f "$L/probe.$LEASE"
URL=
if [ $# -gt 0 ]; then
  if command -v curl >/dev/null 2>&1; then ask() { curl -fsS -m 5 -o /dev/null "$1/api/health" 2>/dev/null; }
  elif command -v wget >/dev/null 2>&1; then ask() { wget -q -T 5 -t 1 -O /dev/null "$1/api/health" 2>/dev/null; }
  else fail tool_missing 'The host has neither curl nor wget to find the service with.'
  fi
  for candidate in "$@"; do if ask "\${candidate%/}"; then URL=$candidate; break; fi; done
  [ -n "$URL" ] || fail runtime_api_unreachable 'None of the URLs of LEASEHOLD_RUNTIME_API_CANDIDATES answers from the host.'
fi
lock || fail workspace_not_writable 'The lock in .leasehold cannot be had.'
state=$(kept "$LEASE" state)
if [ "$state" = ended ]; then fail stale_fence 'The lease has ended on this host.'; fi
if [ "$state" != live ]; then
  for other in "$L"/leases/*/; do
    other=\${other%/}; other=\${other##*/}
    [ "$(kept "$other" state)" = live ] || continue
    if [ "$EXCLUSIVE" = true ] || [ "$(kept "$other" exclusive)" = true ]; then fail host_taken "The lease $other holds the host."; fi
  done
  said=$( { rm -rf "$D.new" && mkdir -p "$D.new/run" && printf %s "$EFFECT" > "$D.new/effect" && printf %s "$FENCE" > "$D.new/fence" &&
    printf %s "$EXCLUSIVE" > "$D.new/exclusive" && printf %s "$URL" > "$D.new/url" && printf live > "$D.new/state" && mv "$D.new" "$D"; } 2>&1) || unwritable "$said"
fi
printf 'ok=%s\\n' "$URL"
`;

/** Looks for what $3 effectId has made. Prints `found=<URL or nothing>` or `none`. */
export const FIND = `${COMMON}
if [ -d "$D" ] && lock && [ "$(kept "$LEASE" state)" = live ] && [ "$(kept "$LEASE" effect)" = "$3" ]; then printf 'found=%s\\n' "$(kept "$LEASE" url)"; else echo none; fi
`;

/**
 * Ends the lease on the host, and whatever still runs for it. What is left is a mark that it has ended, for commands that are
 * still on their way; marks of more than a day ago go too. Prints \`cleaned\` or \`nothing\`.
 */
export const RELEASE = `${COMMON}
[ -d "$L" ] || { echo nothing; exit 0; }
lock || exit 75
if [ "$(kept "$LEASE" state)" = live ]; then
  printf ended > "$D/state.new" && mv "$D/state.new" "$D/state"
  result=cleaned
else
  mkdir -p "$D" && printf ended > "$D/state"
  result=nothing
fi
unlock
for run in "$D"/run/*; do [ -f "$run" ] && end_session "$(cat "$run")"; done
rm -rf "$D/run" "$D/effect" "$D/url"
find "$L/leases" -mindepth 1 -maxdepth 1 -mtime +1 2>/dev/null | while read -r old; do
  [ "$(cat "$old/state" 2>/dev/null)" = ended ] && rm -rf "$old"
done
echo $result
`;

/** Ends the command $3 executionId and all its children: asked first, then not. */
export const END_COMMAND = `${COMMON}
[ -f "$D/run/$3" ] && end_session "$(cat "$D/run/$3")"
echo ended
`;

/**
 * Runs a command for a lease that is live. $3 executionId, $4 fence, $5 seconds after which it is over for sure, $6 length of the header
 * on the standard input, which sets cwd, the words of the environment and the command by \`set --\`; the rest of the input is the command's.
 * The first line on the standard error after the mark is \`started\`, or \`failed=<reason> <text>\`; then the output is the command's alone.
 *
 * The command has a session of its own, so that it is ended with all its children; a watch ends it when the connection is gone.
 */
export const EXECUTE = `${COMMON}
ID=$3; FENCE=$4; SECONDS_LEFT=$5; HEADER=$(head -c "$6"); MARK=$7
say() { printf '%s\\n' "$MARK$1" >&2; }
fail() { say "failed=$1 $2"; exit 0; }
[ -d "$D" ] || fail stale_fence 'The lease is not on this host.'
lock || fail driver_failed 'The lock in .leasehold cannot be had.'
[ "$(kept "$LEASE" state)" = live ] && [ "$(kept "$LEASE" fence)" = "$FENCE" ] || fail stale_fence 'The lease has ended on this host.'
if [ "$(kept "$LEASE" exclusive)" = true ]; then
  for other in "$L"/leases/*/; do
    other=\${other%/}; other=\${other##*/}
    [ "$(kept "$other" state)" = live ] && [ "$(kept "$other" fence)" -gt "$FENCE" ] && fail stale_fence "The lease $other holds the host by now."
  done
fi
SESSION=$PPID
exec 3<&0
eval "$HEADER"
printf '%s\\n' "$MARK"
say started
if command -v setsid >/dev/null 2>&1; then setsid "$@" <&3 3<&- 9>&- & else set -m; "$@" <&3 3<&- 9>&- & fi
PID=$!
printf %s "$PID" > "$D/run/$ID"
unlock
exec 3<&- </dev/null
(
  exec >/dev/null 2>&1
  while [ $SECONDS_LEFT -gt 0 ] && kill -0 "$SESSION" && kill -0 "$PID"; do sleep 1; SECONDS_LEFT=$((SECONDS_LEFT - 1)); done
  kill -0 "$PID" && end_session "$PID"
) &
WATCH=$!
wait "$PID"; CODE=$?
kill "$WATCH" 2>/dev/null
kill -0 "-$PID" 2>/dev/null || rm -f "$D/run/$ID"
exit $CODE
`;

/** Looks at a host without leaving anything there. Prints `workspace=writable|absent|…` and `tools=<those that are missing>`. */
export const PROBE = `${COMMON}
P=$W
if [ ! -e "$P" ]; then
  while [ ! -e "$P" ] && [ "$P" != / ] && [ -n "$P" ]; do P=\${P%/*}; done
  [ -w "\${P:-/}" ] && echo 'workspace=will be made' || echo 'workspace=cannot be made'
elif [ ! -d "$P" ]; then echo 'workspace=is not a folder'
elif said=$( { : > "$P/.leasehold-probe.$$"; } 2>&1); then rm -f "$P/.leasehold-probe.$$"; echo 'workspace=writable'
else echo 'workspace=is not writable'
fi
missing=
for tool in flock setsid git tar curl; do command -v $tool >/dev/null 2>&1 || missing="$missing $tool"; done
echo "missing=$missing"
`;

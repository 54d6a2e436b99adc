#!/bin/sh
# Runs on an SSH host. Makes sure of the workspace and records the lease as live.
# $3 effectId, $4 fence, $5 exclusive (true, false), then the URLs that may be the service's.
# Prints `ok=<URL or nothing>`, or `failed=<reason> <text>`.
. ./common.sh
EFFECT=$3; FENCE=$4; EXCLUSIVE=$5; shift 5
LC_ALL=C; export LC_ALL
fail() { rm -f "$L/probe"; printf 'failed=%s %s\n' "$1" "$2"; exit 0; }
unwritable() {
  case $1 in
    *"No space left"*|*"quota exceeded"*|*"Disk quota"*|*"I/O error"*) fail disk_full "$1" ;;
    *) fail workspace_not_writable "$1" ;;
  esac
}
[ -d "$L/leases" ] && [ -d "$L/ended" ] || said=$(mkdir -p "$L/leases" "$L/ended" 2>&1) || unwritable "$said"
said=$( { printf '*\n' > "$L/.gitignore" && printf %65536s '' > "$L/probe" && : > "$L/probe"; } 2>&1) || unwritable "$said"
URL=
if [ $# -gt 0 ]; then
  if command -v curl >/dev/null 2>&1; then ask() { curl -fsS -m 5 -o /dev/null "$1/api/health" 2>/dev/null; }
  elif command -v wget >/dev/null 2>&1; then ask() { wget -q -T 5 -t 1 -O /dev/null "$1/api/health" 2>/dev/null; }
  else fail tool_missing 'The host has neither curl nor wget to find the service with.'
  fi
  for candidate in "$@"; do if ask "${candidate%/}"; then URL=$candidate; break; fi; done
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
[ ! -e "$E" ] || refuse stale_fence 'The lease is not the holder any more: it has ended on this host.'
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
printf 'ok=%s\n' "$URL"

#!/bin/sh
# Runs on an SSH host. Looks at it without leaving anything there. Prints `workspace=writable|absent|...` and
# `missing=<tools that it has not, or that cannot do what is asked of them>`.
. ./common.sh
. ../../unable-tools.sh
P=$W
if [ ! -e "$P" ]; then
  while [ ! -e "$P" ] && [ "$P" != / ] && [ -n "$P" ]; do P=${P%/*}; done
  [ -d "${P:-/}" ] && [ -w "${P:-/}" ] && echo 'workspace=will be made' || echo 'workspace=cannot be made'
elif [ ! -d "$P" ]; then echo 'workspace=is not a folder'
elif { : > "$P/.leasehold-probe.$$"; } 2>/dev/null; then rm -f "$P/.leasehold-probe.$$"; echo 'workspace=writable'
else echo 'workspace=is not writable'
fi
missing=
for tool in flock setsid ps git curl; do command -v $tool >/dev/null 2>&1 || missing="$missing $tool"; done
for tool in $(unable_tools); do missing="$missing $tool"; done
echo "missing=$missing"

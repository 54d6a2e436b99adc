#!/bin/sh
# Put in front of every program for the lease's side of a workspace. $1 leaseId.
#
# Runs in POSIX sh in the workspace's folder: on an SSH host, in a sandbox, or in a provider's. Values come as arguments, so
# that no value is ever read as a program. What Leasehold keeps there is in .leasehold/sync:
#   owner               the lease that has filled the workspace
#   <leaseId>/<digest>  the manifest of what was sent to it, by its digest
# Exit codes are those of the tools, and 90 to 93: see EXITS in remote-scripts.ts.
#
# shellcheck disable=SC2034 # other files use some of the variables
set -u
LEASE=$1; S=.leasehold/sync; D=$S/$LEASE
# A repository around the workspace is none of its business.
export GIT_CEILING_DIRECTORIES="${PWD%/*}"
need() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "There is no $tool on the lease's side." >&2; exit 90; }
  done
}
# Where nobody has said who commits, git would not.
name_committer() {
  own_git config user.name >/dev/null || own_git config user.name Leasehold || return
  own_git config user.email >/dev/null || own_git config user.email lease@leasehold.invalid
}
own_git() { git -c safe.directory='*' -c gc.auto=0 -c maintenance.auto=false -c protocol.allow=never -c protocol.file.allow=always "$@"; }

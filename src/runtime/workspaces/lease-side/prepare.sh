#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Empties the workspace for what is to come. $2 whether it may be emptied of what this lease has not put there, $3 the tools
# that will be needed.
. ./common.sh
. ../../drivers/unable-tools.sh
# shellcheck disable=SC2086 # names of tools, a word each
need tar find $3
# What could never come back is not sent.
UNABLE=$(unable_tools | tr '\n' ' ')
UNABLE=${UNABLE% }
[ -z "$UNABLE" ] || { echo "The lease's side cannot pack a workspace. These tools are missing or lack an option: $UNABLE" >&2; exit 90; }
# On a host that leases share the files may be another's, who is at work on them.
in_use() {
  for other in .leasehold/leases/*/; do
    [ "$other" = ".leasehold/leases/$LEASE/" ] || [ ! -d "$other" ] || return 0
  done
  return 1
}
[ "$(cat $S/owner 2>/dev/null)" = "$LEASE" ] || [ -z "$(find . -mindepth 1 -maxdepth 1 ! -name .leasehold | head -n 1)" ] || {
  [ "$2" = true ] || exit 91
  ! in_use || exit 93
}
# What other leases have sent is no more: none of them may take what comes now for its own.
rm -rf $S && mkdir -p "$D" && printf '*\n' > .leasehold/.gitignore && printf %s "$LEASE" > $S/owner || exit
find . -mindepth 1 -path ./.leasehold -prune -o -type d -exec chmod u+rwx {} + &&
find . -mindepth 1 -maxdepth 1 ! -name .leasehold -exec rm -rf -- {} +

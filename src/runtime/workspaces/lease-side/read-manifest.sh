#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Prints a manifest. $2 its digest.
. ./common.sh
[ -f "$D/$2" ] || exit 92
cat "$D/$2"

#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Keeps the manifest on the standard input. $2 its digest.
. ./common.sh
mkdir -p "$D" && cat > "$D/new" && mv -f "$D/new" "$D/$2"

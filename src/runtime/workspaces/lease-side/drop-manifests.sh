#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Removes the manifests but $2.
. ./common.sh
for file in "$D"/*; do [ "$file" = "$D/$2" ] || rm -rf "$file"; done

#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# A bundle of what leads from $2, which may be nothing, to HEAD.
. ./common.sh
need git
if [ -n "$2" ] && own_git cat-file -e "$2^{commit}" 2>/dev/null; then own_git bundle create -q - HEAD "^$2"; else own_git bundle create -q - HEAD; fi

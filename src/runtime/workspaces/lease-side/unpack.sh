#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Unpacks the archive on the standard input.
. ./common.sh
. ./tar.sh
own_tar -xpof - || exit
cat >/dev/null

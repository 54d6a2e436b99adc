#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Adds the standard input to a file of the repository. $2 which.
. ./common.sh
mkdir -p .git/info && cat >> ".git/$2"

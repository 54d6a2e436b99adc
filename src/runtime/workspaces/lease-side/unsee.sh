#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Lets git not look at files. $2 how, as an option. Input: paths of the index, each ended by a NUL.
. ./common.sh
own_git update-index "$2" -z --stdin

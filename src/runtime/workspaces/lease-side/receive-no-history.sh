#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Makes the workspace a repository without a commit. $2 object format, $3 branch.
. ./common.sh
need git
own_git init -q --template= --object-format="$2" . && own_git symbolic-ref HEAD "refs/heads/$3" && name_committer

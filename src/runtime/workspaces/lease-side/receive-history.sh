#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Makes the workspace a repository. Input: a bundle. $2 object format, $3 head, $4 branch or nothing, $5 the shallow commits.
. ./common.sh
need git
own_git init -q --template= --object-format="$2" . || exit
[ -z "$5" ] || printf '%s\n' "$5" > .git/shallow || exit
cat > "$D/in.bundle" || exit
own_git fetch -q --no-tags "$D/in.bundle" refs/leasehold/head:refs/leasehold/base || exit
# Names that differ in case alone are one on some file systems: what is checked out does not need them.
own_git fetch -q --no-tags --update-head-ok "$D/in.bundle" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' '+refs/remotes/*:refs/remotes/*' || :
rm -f "$D/in.bundle"
name_committer || exit
if [ -n "$4" ]; then own_git symbolic-ref HEAD "refs/heads/$4" && own_git update-ref HEAD "$3"
else own_git update-ref --no-deref HEAD "$3"; fi

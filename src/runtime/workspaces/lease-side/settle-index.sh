#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# Once the files are there: what is changed, deleted and untracked shows as such. Input: submodules, of which git wants empty
# folders. Prints what of the commit git takes for changed or deleted. Both lists have a NUL at the end of each path.
. ./common.sh
own_git rev-parse -q --verify HEAD >/dev/null || exit 0
own_git reset -q || exit
own_git checkout-index -q -z --stdin 2>/dev/null
# What is the commit's byte by byte is not changed, even where attributes would have it otherwise by now: they count for what is changed next.
mkdir -p .git/info || exit
[ ! -f .git/info/attributes ] || mv .git/info/attributes "$D/attributes" || exit
printf '* -text -ident -filter !eol !working-tree-encoding\n' > .git/info/attributes || exit
own_git -c core.autocrlf=false update-index -q --refresh >/dev/null
rm -f .git/info/attributes
[ ! -f "$D/attributes" ] || mv "$D/attributes" .git/info/attributes || exit
own_git update-index -q --refresh >/dev/null
own_git diff-files -z --name-only

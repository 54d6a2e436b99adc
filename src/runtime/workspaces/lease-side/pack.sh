#!/bin/sh
# Runs on the lease's side of a workspace; see common.sh.
# An archive of the workspace. $2 `git` for what git does not ignore, `git-all` for that too, else `all`. Input: paths that are
# in it in any case where they exist, each ended by a NUL. The last entry is always the mark of endMark: a list of all that
# is there, by which is seen whether any of it is missing or was misread.
. ./common.sh
. ./tar.sh
need tar find xargs sort
mkdir -p "$D" || exit
HOW=$2
if [ "$HOW" != all ]; then
  need git
  # The run may have removed the repository.
  own_git rev-parse --git-dir >/dev/null 2>&1 || HOW=all
fi
if [ "$HOW" = git ]; then own_git ls-files -z --cached --others --exclude-standard > "$D/found" || exit
elif [ "$HOW" = git-all ]; then own_git ls-files -z --cached --others > "$D/found" || exit
else find . -mindepth 1 -path ./.leasehold -prune -o -print0 > "$D/found" || exit
fi
cat >> "$D/found" || exit
# shellcheck disable=SC2016 # the inner shell expands them
LC_ALL=C xargs -0 sh -c 'for f; do
  case $f in ./*) ;; *) f=./$f ;; esac
  f=${f%/}
  case $f in ./.leasehold|./.leasehold/*) continue ;; esac
  if [ -e "$f" ] || [ -L "$f" ]; then printf "%s\0" "$f"; fi
done' sh < "$D/found" > "$D/there" && LC_ALL=C sort -zu "$D/there" > "$D/end" && cp "$D/end" "$D/list" || exit
case $FORMAT in
*dereference) printf '%s\0' "./$D/end" >> "$D/list"; tar --null --no-recursion $FORMAT -cf - -T "$D/list" ;;
*)
  # One archive after the other, as one: a command line takes only so many names.
  xargs -0 -r sh -c 'find "$@" -prune -type f -links +1 -print0' sh < "$D/list" > "$D/linked" &&
  xargs -0 -r sh -c 'find "$@" -prune ! \( -type f -links +1 \) -print0' sh < "$D/list" > "$D/plain" &&
  LC_ALL=${UTF8:-$LC_ALL} xargs -0 -r tar --no-recursion $FORMAT -cf - < "$D/plain" &&
  LC_ALL=${UTF8:-$LC_ALL} xargs -0 -r -n 1 tar --no-recursion $FORMAT -cf - < "$D/linked" &&
  own_tar --no-recursion $FORMAT -cf - "./$D/end" ;;
esac
CODE=$?
rm -f "$D/found" "$D/there" "$D/list" "$D/linked" "$D/plain" "$D/end"
exit $CODE

import { UNABLE_TOOLS } from '../drivers/unable-tools.js';

/*
 * What runs on the lease's side, in POSIX sh, in the workspace's folder. Each script gets its values as arguments, so that no
 * value is ever read as a program. What Leasehold keeps there is in .leasehold/sync:
 *   owner               the lease that has filled the workspace
 *   <leaseId>/<digest>  the manifest of what was sent to it, by its digest
 */

/** Exit codes of these scripts, apart from those of the tools. */
export const EXITS = { toolMissing: 90, notEmpty: 91, noManifest: 92, inUse: 93 } as const;

/** In every script: $1 leaseId. */
const COMMON = `
set -u
LEASE=$1; S=.leasehold/sync; D=$S/$LEASE
# A repository around the workspace is none of its business.
export GIT_CEILING_DIRECTORIES="\${PWD%/*}"
need() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || { echo "There is no $tool on the lease's side." >&2; exit ${EXITS.toolMissing}; }
  done
}
# Where nobody has said who commits, git would not.
name_committer() {
  own_git config user.name >/dev/null || own_git config user.name Leasehold || return
  own_git config user.email >/dev/null || own_git config user.email lease@leasehold.invalid
}
own_git() { git -c safe.directory='*' -c gc.auto=0 -c maintenance.auto=false -c protocol.allow=never -c protocol.file.allow=always "$@"; }
`;

/**
 * tar, whichever it is. GNU's is told to write every file in full. bsdtar is told not to look for holes, by a format that has none, and
 * to take names for UTF-8. No other can be told to write hard links as files; so PACK gives it one of them at a time.
 */
const TAR = `
FORMAT=
case $(tar --version 2>/dev/null) in
*GNU*) FORMAT=--hard-dereference ;;
*bsdtar*)
  FORMAT=--format=gnutar
  COPYFILE_DISABLE=1; export COPYFILE_DISABLE
  case $(locale -a 2>/dev/null) in *C.UTF-8* | *C.utf8* | '') UTF8=C.UTF-8 ;; *) UTF8=en_US.UTF-8 ;; esac ;;
esac
own_tar() { LC_ALL=\${UTF8:-$LC_ALL} tar "$@"; }
`;

/** Makes $1, the workspace, and says where it is. Not in the workspace: it may not be there yet. */
export const MAKE_FOLDER = 'mkdir -p -- "$1" && cd -- "$1" && pwd -P';

export const WHERE = 'pwd -P';

/**
 * Empties the workspace for what is to come. $2 whether it may be emptied of what this lease has not put there,
 * $3 the tools that will be needed.
 */
export const PREPARE = `${COMMON}${UNABLE_TOOLS}
need tar find $3
# What could never come back is not sent.
UNABLE=$(unable_tools)
[ -z "$UNABLE" ] || { echo "The lease's side cannot pack a workspace. These tools are missing or lack an option:" $UNABLE >&2; exit ${EXITS.toolMissing}; }
# On a host that leases share the files may be another's, who is at work on them.
in_use() {
  for other in .leasehold/leases/*/; do
    [ "$other" = ".leasehold/leases/$LEASE/" ] || [ ! -d "$other" ] || return 0
  done
  return 1
}
[ "$(cat $S/owner 2>/dev/null)" = "$LEASE" ] || [ -z "$(find . -mindepth 1 -maxdepth 1 ! -name .leasehold | head -n 1)" ] || {
  [ "$2" = true ] || exit ${EXITS.notEmpty}
  ! in_use || exit ${EXITS.inUse}
}
# What other leases have sent is no more: none of them may take what comes now for its own.
rm -rf $S && mkdir -p "$D" && printf '*\\n' > .leasehold/.gitignore && printf %s "$LEASE" > $S/owner || exit
find . -mindepth 1 -path ./.leasehold -prune -o -type d -exec chmod u+rwx {} + &&
find . -mindepth 1 -maxdepth 1 ! -name .leasehold -exec rm -rf -- {} +
`;

/** Unpacks the archive on the standard input. */
export const UNPACK = `${COMMON}${TAR}
own_tar -xpof - || exit
cat >/dev/null
`;

/** Makes the workspace a repository. Input: a bundle. $2 object format, $3 head, $4 branch or nothing, $5 the shallow commits. */
export const RECEIVE_HISTORY = `${COMMON}
need git
own_git init -q --template= --object-format="$2" . || exit
[ -z "$5" ] || printf '%s\\n' "$5" > .git/shallow || exit
cat > "$D/in.bundle" || exit
own_git fetch -q --no-tags "$D/in.bundle" refs/leasehold/head:refs/leasehold/base || exit
# Names that differ in case alone are one on some file systems: what is checked out does not need them.
own_git fetch -q --no-tags --update-head-ok "$D/in.bundle" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*' '+refs/remotes/*:refs/remotes/*' || :
rm -f "$D/in.bundle"
name_committer || exit
if [ -n "$4" ]; then own_git symbolic-ref HEAD "refs/heads/$4" && own_git update-ref HEAD "$3"
else own_git update-ref --no-deref HEAD "$3"; fi
`;

/** The same for a repository without a commit. $2 object format, $3 branch. */
export const RECEIVE_NO_HISTORY = `${COMMON}
need git
own_git init -q --template= --object-format="$2" . && own_git symbolic-ref HEAD "refs/heads/$3" && name_committer
`;

/** Adds the standard input to a file of the repository. $2 which. */
export const ADD_TO_GIT_FILE = `${COMMON}
mkdir -p .git/info && cat >> ".git/$2"
`;

/**
 * Once the files are there: what is changed, deleted and untracked shows as such. Input: submodules, of which git wants empty folders. Prints what
 * of the commit git takes for changed or deleted. Both lists have a NUL at the end of each path.
 */
export const SETTLE_INDEX = `${COMMON}
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
`;

/** Lets git not look at files. $2 how, as an option. Input: paths of the index, each ended by a NUL. */
export const UNSEE = `${COMMON}
own_git update-index "$2" -z --stdin
`;

/** Keeps the manifest on the standard input. $2 its digest. */
export const KEEP_MANIFEST = `${COMMON}
mkdir -p "$D" && cat > "$D/new" && mv -f "$D/new" "$D/$2"
`;

/** $2 digest. */
export const READ_MANIFEST = `${COMMON}
[ -f "$D/$2" ] || exit ${EXITS.noManifest}
cat "$D/$2"
`;

/** Removes the manifests but $2. */
export const DROP_MANIFESTS = `${COMMON}
for file in "$D"/*; do [ "$file" = "$D/$2" ] || rm -rf "$file"; done
`;

/**
 * An archive of the workspace. $2 \`git\` for what git does not ignore, \`git-all\` for that too, else \`all\`. Input: paths that are in it in any case where
 * they exist, each ended by a NUL. The last entry is always the mark END: a list of all that is there, by which is seen
 * whether any of it is missing or was misread.
 */
export const PACK = `${COMMON}${TAR}
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
LC_ALL=C xargs -0 sh -c 'for f; do
  case $f in ./*) ;; *) f=./$f ;; esac
  f=\${f%/}
  case $f in ./.leasehold|./.leasehold/*) continue ;; esac
  if [ -e "$f" ] || [ -L "$f" ]; then printf "%s\\0" "$f"; fi
done' sh < "$D/found" > "$D/there" && LC_ALL=C sort -zu "$D/there" > "$D/end" && cp "$D/end" "$D/list" || exit
case $FORMAT in
*dereference) printf '%s\\0' "./$D/end" >> "$D/list"; tar --null --no-recursion $FORMAT -cf - -T "$D/list" ;;
*)
  # One archive after the other, as one: a command line takes only so many names.
  xargs -0 -r sh -c 'find "$@" -prune -type f -links +1 -print0' sh < "$D/list" > "$D/linked" &&
  xargs -0 -r sh -c 'find "$@" -prune ! \\( -type f -links +1 \\) -print0' sh < "$D/list" > "$D/plain" &&
  LC_ALL=\${UTF8:-$LC_ALL} xargs -0 -r tar --no-recursion $FORMAT -cf - < "$D/plain" &&
  LC_ALL=\${UTF8:-$LC_ALL} xargs -0 -r -n 1 tar --no-recursion $FORMAT -cf - < "$D/linked" &&
  own_tar --no-recursion $FORMAT -cf - "./$D/end" ;;
esac
CODE=$?
rm -f "$D/found" "$D/there" "$D/list" "$D/linked" "$D/plain" "$D/end"
exit $CODE
`;

/** The name of PACK's last entry. */
export function endMark(leaseId: string): string {
  return `./.leasehold/sync/${leaseId}/end`;
}

/** Prints the commit and the branch that the run has come to, a line each; empty where there is none. */
export const READ_HEAD = `${COMMON}
need git
own_git rev-parse -q --verify 'HEAD^{commit}' || echo
own_git symbolic-ref -q --short HEAD || echo
`;

/** A bundle of what leads from $2, which may be nothing, to HEAD. */
export const SEND_HISTORY = `${COMMON}
need git
if [ -n "$2" ] && own_git cat-file -e "$2^{commit}" 2>/dev/null; then own_git bundle create -q - HEAD "^$2"; else own_git bundle create -q - HEAD; fi
`;

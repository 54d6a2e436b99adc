#!/bin/sh
# Put into programs that move a workspace. Prints, a line each, the tools that it needs and that are not there, or cannot do
# what is asked of them: a BusyBox may have been built without it, and names tell nothing.
unable_tools() {
  [ "$(find / -prune -type d ! -links +0 -o -prune -print0 2>/dev/null | tr '\0' ,)" = /, ] || echo find
  [ "$(printf 'b\0a\0a\0' | sort -zu 2>/dev/null | tr '\0' ,)" = a,b, ] || echo sort
  [ "$(printf 'a\0b\0' | xargs -0 -r echo 2>/dev/null)" = 'a b' ] || echo xargs
  [ "$(tar --no-recursion -cf - /dev/null 2>/dev/null | tar -tf - 2>/dev/null | wc -l)" -eq 1 ] || echo tar
}

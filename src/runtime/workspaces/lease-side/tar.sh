#!/bin/sh
# Put into programs that use tar, whichever it is. GNU's is told to write every file in full. bsdtar is told not to look for
# holes, by a format that has none, and to take names for UTF-8. No other can be told to write hard links as files; so
# pack.sh gives it one of them at a time.
#
# shellcheck disable=SC2034 # other files use FORMAT
FORMAT=
case $(tar --version 2>/dev/null) in
*GNU*) FORMAT=--hard-dereference ;;
*bsdtar*)
  FORMAT=--format=gnutar
  COPYFILE_DISABLE=1; export COPYFILE_DISABLE
  case $(locale -a 2>/dev/null) in *C.UTF-8* | *C.utf8* | '') UTF8=C.UTF-8 ;; *) UTF8=en_US.UTF-8 ;; esac ;;
esac
own_tar() { LC_ALL=${UTF8:-$LC_ALL} tar "$@"; }

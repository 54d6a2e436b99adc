#!/bin/sh
# Runs on the service's machine as root, in a mount namespace that goes with the sandbox. Root does not make sandboxes as root:
# bwrap and all in it get a uid that nobody has, whose processes the kernel counts, as it does not root's, and to whom nothing
# on the machine belongs. That uid may not get to the data folder, so the lease's folders are bound where it may.
# $1 the lease's folders, $2 the uid, then the command. /tmp is ROOTS_PLACE of running-sandbox.ts.
mount --bind -- "$1" /tmp && shift &&
uid=$1 && shift &&
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all -- env -i "$@"

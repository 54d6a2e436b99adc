#!/bin/sh
# Runs on an SSH host. Ends the command $3 executionId and all its children: asked first, then not. One that has not begun
# yet, because it is still on its way, is kept from it.
. ./common.sh
[ -d "$D/run" ] || { echo ended; exit 0; }
must_lock
[ -f "$D/run/$3" ] || printf 'never 0' > "$D/run/$3"
unlock
end_session "$D/run/$3"
echo ended

#!/bin/sh
# Runs beside the service, in the machine's own sh. Keeps the process groups that it is told of in its arguments, a line each:
# `begun <group>`, `ended <group>`. When nobody tells it anything any more, it ends those that are left.
while read -r what group; do
  if [ "$what" = begun ]; then set -- "$@" "$group"; continue; fi
  for one do shift; [ "$one" = "$group" ] || set -- "$@" "$one"; done
done
for group do kill -KILL "-$group" 2>/dev/null; done

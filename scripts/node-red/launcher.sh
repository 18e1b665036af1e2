#!/bin/sh
# Becomes the program for this processor.
here=$(dirname "$(readlink -f "$0")")
case $(uname -m) in
  x86_64) processor=x64 ;;
  aarch64) processor=arm64 ;;
  armv7l | armv8l) processor=arm ;;
  *) processor=$(uname -m) ;;
esac
program=$here/linux-$processor/cluster-leader
if [ ! -x "$program" ]; then
  echo "cluster-leader: this package has no program for the processor $(uname -m)" >&2
  exit 78
fi
exec "$program" "$@"

#!/bin/sh
# Makes the two tokens of a new installation, once: that in /run/sweep may do everything, that in /run/sweep-join lets agents
# join.
set -eu
umask 077
make() {
  [ -s "$1/token" ] && return
  node -e "process.stdout.write('swp_$2_' + crypto.randomBytes(32).toString('base64url'))" > "$1/token"
}
make /run/sweep user
make /run/sweep-join join

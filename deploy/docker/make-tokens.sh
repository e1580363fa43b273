#!/bin/sh
# Makes the two tokens of a new installation in /run/sweep, once: `token` may do everything, `join-token` lets agents join.
set -eu
umask 077
make() {
  [ -s "/run/sweep/$1" ] && return
  node -e "process.stdout.write('swp_$2_' + crypto.randomBytes(32).toString('base64url'))" > "/run/sweep/$1"
}
make token user
make join-token join

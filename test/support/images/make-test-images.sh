#!/usr/bin/env bash
# Makes the two images that the tests of containers use, out of this machine's own files, as none may be pulled:
#   sweep-test/busybox:1   a shell and its tools
#   sweep-test/python:3    the same with Debian's python3 and its standard library
# What exists stays. Takes a few seconds; DOCKER_HOST says which engine, SWEEP_TEST_IMAGES=busybox leaves the second out.
set -euo pipefail

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# A link to the real file beside it, as the loader looks for both.
add() {
  for file in "$@"; do
    mkdir -p "$root$(dirname "$file")"
    cp -L "$file" "$root$file"
  done
}

libraries_of() { ldd "$@" 2>/dev/null | grep -o '/[^ ]*' | grep -v ':$' | sort -u; }

mkdir -p "$root"/usr/{bin,lib,lib64} "$root"/{tmp,etc,proc,sys,dev}
chmod 1777 "$root/tmp"
ln -s usr/bin usr/lib usr/lib64 "$root"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
add "$(command -v busybox)"
for tool in $("$(command -v busybox)" --list); do
  [ -e "$root/usr/bin/$tool" ] || ln -s busybox "$root/usr/bin/$tool"
done

import() {
  docker image inspect "$1" >/dev/null 2>&1 || tar -C "$root" -c . | docker import -c 'ENV PATH=/usr/bin' - "$1" >/dev/null
}
import sweep-test/busybox:1

[ "${SWEEP_TEST_IMAGES:-}" != busybox ] || exit 0
docker image inspect sweep-test/python:3 >/dev/null 2>&1 && exit 0
python=$(readlink -f /usr/bin/python3)
library=/usr/lib/$(basename "$python")
add "$python"
ln -s "$(basename "$python")" "$root/usr/bin/python3"
mkdir -p "$root$library"
tar -C "$library" --exclude=test --exclude=idlelib --exclude=dist-packages -c . | tar -C "$root$library" -x
# shellcheck disable=SC2046
add $(libraries_of "$python" "$library"/lib-dynload/*.so)
import sweep-test/python:3

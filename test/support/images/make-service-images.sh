#!/usr/bin/env bash
# Makes, where no image can be pulled, stand-ins for those that docker-compose.yml and deploy/kubernetes name: Node by
# this machine's own, Postgres and Redis by Debian's packages. Images that are there already stay. Two minutes, as root.
set -euo pipefail
cd "$(dirname "$0")"

has() { docker image inspect "$1" >/dev/null 2>&1; }
node=node:24-bookworm-slim
has $node || ./make-node-image.sh $node
export DOCKER_BUILDKIT=0
has postgres:18 || docker build -q --build-arg BASE=$node -f Dockerfile.postgres -t postgres:18 . >/dev/null
has redis:8 || docker build -q --build-arg BASE=$node -f Dockerfile.redis -t redis:8 . >/dev/null

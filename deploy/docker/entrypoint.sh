#!/bin/sh
# Reads secrets from files, as images of databases do: NAME_FILE=/run/secrets/x sets NAME to what is in that file.
set -eu
for name in SWEEP_TOKEN SWEEP_JOIN_TOKEN DATABASE_URL REDIS_URL; do
  eval "file=\${${name}_FILE:-}"
  [ -n "$file" ] || continue
  value=$(cat "$file") || { echo "$name: $file can't be read" >&2; exit 1; }
  export "$name=$value"
done
exec "$@"

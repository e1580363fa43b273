#!/bin/sh
# Prints the namespace and the Secret that the rest needs, with new tokens and a new password for Postgres:
#
#   deploy/kubernetes/make-secret.sh | kubectl apply -f -
#
# Applying it a second time would lock everybody out, so keep to once. With databases of your own, give their addresses:
#   DATABASE_URL=postgres://… REDIS_URL=redis://… deploy/kubernetes/make-secret.sh | kubectl apply -f -
set -eu
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
namespace=${NAMESPACE:-sweep}
password=$(random)
cat <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: $namespace}
---
apiVersion: v1
kind: Secret
metadata: {name: sweep, namespace: $namespace}
stringData:
  token: swp_user_$(random)
  join-token: swp_join_$(random)
  postgres-password: "$password"
  database-url: ${DATABASE_URL:-postgres://sweep:$password@sweep-postgres:5432/sweep}
  redis-url: ${REDIS_URL:-redis://sweep-redis:6379}
YAML

#!/bin/sh
# Prints the namespace and the Secret that the rest needs, with new tokens and new passwords for Postgres and Redis:
#
#   deploy/kubernetes/make-secret.sh | kubectl apply -f -
#
# Applying it a second time would lock everybody out, so keep to once. With databases of your own, give their addresses:
#   DATABASE_URL=postgres://… REDIS_URL=redis://… deploy/kubernetes/make-secret.sh | kubectl apply -f -
# Agents take their tickets from the Redis of this folder; from one of your own where AGENT_REDIS_URL says how they reach
# it, without a user or a password, and over HTTP otherwise (docs/agents.md).
set -eu
random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
namespace=${NAMESPACE:-sweep}
password=$(random)
redis_password=$(random)
agent_redis_url=${AGENT_REDIS_URL:-}
[ -n "${REDIS_URL:-}" ] || agent_redis_url=redis://sweep-redis:6379
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
  redis-password: "$redis_password"
  redis-url: ${REDIS_URL:-redis://:$redis_password@sweep-redis:6379}
YAML
[ -z "$agent_redis_url" ] || echo "  agent-redis-url: $agent_redis_url"

# Makes the cluster, user and database that POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB name, once, and serves it.
set -eu
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  echo "$POSTGRES_PASSWORD" > /tmp/password
  initdb -D "$data" -U "$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 >/dev/null
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  echo "create database \"${POSTGRES_DB:-$POSTGRES_USER}\"" | postgres --single -D "$data" postgres >/dev/null
fi
exec postgres -D "$data" -c listen_addresses='*'

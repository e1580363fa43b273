-- Beside the previous release: yes; its api servers are not in here, so a new controller must not run with old ones only.

-- Api servers that are up. While none is, agents have nowhere to send their heartbeats, and none may count as lost.
create table api_servers (
  id text primary key,
  last_seen_at timestamptz not null default clock_timestamp()
);

-- The previous release can keep running beside this; what it does not know, it does not use.

-- What clients that don't number their requests have logged lately: sent again, it is known by what it says. Rows older
-- than a client goes on trying go when new ones come, see src/tracking/logged-requests.ts.
create table logged_requests (
  run_key int8 not null references runs on delete cascade,
  fingerprint bytea not null check (length(fingerprint) = 16),
  at timestamptz not null default now(),
  primary key (run_key, fingerprint)
);
create index logged_requests_by_age on logged_requests (at);

-- Names of the metrics that the program sends itself: what it prints of them is for people.
alter table attempts add column direct_ids int[] not null default '{}';

-- What MLflow's clients note of a run that nothing else here knows: data sets it has read, models it has made.
create table mlflow_runs (
  run_key int8 primary key references runs on delete cascade,
  inputs jsonb not null default '[]',
  outputs jsonb not null default '[]'
);

-- Models as MLflow 3 logs them: a name for a folder of files among the artifacts of the run that made it.
create table logged_models (
  id text primary key,
  run_key int8 not null references runs on delete cascade,
  name text not null,
  model_type text not null default '',
  status text not null check (status in ('pending', 'ready', 'failed')),
  params jsonb not null default '{}',
  tags jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index logged_models_by_run on logged_models (run_key, created_at);

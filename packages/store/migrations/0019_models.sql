-- The previous release can keep running beside this; it knows no models, and may delete files that only they hold.

create table models (
  key int8 generated always as identity primary key,
  name text collate "C" not null unique,
  description text not null default '',
  tags jsonb not null default '{}',
  -- The highest number that a version had: none is given twice, also when its version is deleted.
  last_version int not null default 0,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table model_versions (
  model_key int8 not null references models on delete cascade,
  version int not null check (version > 0),
  stage text not null default 'dev' check (stage in ('dev', 'staging', 'production', 'archived')),
  -- Of the run that has made it, if it is one of ours; its id outlives it.
  run_key int8 references runs on delete set null,
  run_id text,
  -- A file or folder among those of the run.
  path text,
  -- As whoever registered it has named it; the only place of files that are not kept here.
  source text,
  -- Hash of the names and bytes of its files.
  fingerprint bytea,
  framework text,
  signature jsonb,
  -- As said when it was registered; what the run says stands in origin.
  data_version text,
  description text not null default '',
  tags jsonb not null default '{}',
  -- What has made it, as ModelOrigin of packages/spec; as it was, once the run is over.
  origin jsonb not null,
  is_final boolean not null,
  created_by text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  staged_at timestamptz not null default now(),
  primary key (model_key, version)
);
create unique index one_version_in_production on model_versions (model_key) where stage = 'production';
create index model_versions_by_run on model_versions (run_key) where run_key is not null;

-- The files of a version as they were when it was registered; they stay while it does.
create table model_files (
  model_key int8 not null,
  version int not null,
  -- Within the model.
  path text collate "C" not null,
  size_bytes int8 not null check (size_bytes >= 0),
  sha256 bytea not null check (length(sha256) = 32),
  primary key (model_key, version, path),
  foreign key (model_key, version) references model_versions on delete cascade
);
create index model_files_by_object on model_files (sha256);

create table model_aliases (
  model_key int8 not null,
  alias text not null,
  version int not null,
  primary key (model_key, alias),
  foreign key (model_key, version) references model_versions on delete cascade
);
create index model_aliases_by_version on model_aliases (model_key, version);

-- What a version has to pass to be promoted into a stage.
create table model_gates (
  id int8 generated always as identity primary key,
  model_key int8 not null references models on delete cascade,
  stage text not null check (stage in ('staging', 'production')),
  gate jsonb not null,
  created_by text not null,
  created_at timestamptz not null default now()
);
create index model_gates_by_model on model_gates (model_key, id);

-- What happened to the versions of a model, refused promotions too; stays when a version is deleted.
create table model_history (
  id int8 generated always as identity primary key,
  model_key int8 not null references models on delete cascade,
  version int not null,
  kind text not null check (kind in ('registered', 'promoted', 'refused', 'demoted', 'archived', 'restored', 'replaced',
    'rolled-back', 'deleted')),
  from_stage text,
  to_stage text,
  reason text not null default '',
  -- Gates that failed were passed over.
  forced boolean not null default false,
  -- What each gate has found.
  gates jsonb not null default '[]',
  by text not null,
  at timestamptz not null default clock_timestamp()
);
create index model_history_by_model on model_history (model_key, id);

create trigger model_registered after insert on model_history for each row when (new.kind = 'registered')
  execute function note_event('model.registered');
create trigger model_promoted after insert on model_history for each row when (new.kind = 'promoted')
  execute function note_event('model.promoted');
create trigger model_refused after insert on model_history for each row when (new.kind = 'refused')
  execute function note_event('model.promotion_refused');
create trigger model_rolled_back after insert on model_history for each row when (new.kind = 'rolled-back')
  execute function note_event('model.rolled_back');

-- The previous release can keep running beside this; it lists archived runs with all others.

alter table runs
  add column archived_at timestamptz,
  -- Somebody has taken it out of the archive again: the policy of the project leaves it there.
  add column is_kept boolean not null default false,
  -- When points of it were dropped.
  add column thinned_at timestamptz,
  -- Of the run of a trial: its points, files and output are gone for good. The trial stays, its sweep needs it.
  add column purged_at timestamptz;

-- Steps that were taken together when points of it were dropped, a power of two.
alter table run_metrics add column thinned_steps int8;

-- Somebody wants the policy to be followed now.
alter table projects add column retention_asked_at timestamptz;

-- What the policy of a project has done, once through all that was due. Counted in the transactions that do it.
create table retention_rounds (
  id int8 generated always as identity primary key,
  project_id int not null references projects,
  started_at timestamptz not null default now(),
  ended_at timestamptz,
  archived_runs int not null default 0,
  thinned_runs int not null default 0,
  points_before int8 not null default 0,
  points_after int8 not null default 0,
  purged_runs int not null default 0,
  purged_files int not null default 0,
  purged_bytes int8 not null default 0
);
create unique index retention_rounds_open on retention_rounds (project_id) where ended_at is null;
create index retention_rounds_by_project on retention_rounds (project_id, id);

create trigger project_retention after update of ended_at on retention_rounds for each row
  when (new.ended_at is not null and old.ended_at is null) execute function note_event('project.retention');

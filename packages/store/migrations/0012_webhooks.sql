-- The previous release can keep running beside this; it sends nothing.

create table webhooks (
  id text primary key,
  name text not null,
  url text not null,
  -- Needed in the clear to sign with; shown once, when it is made.
  secret text not null,
  format text not null check (format in ('json', 'slack')),
  -- Null for all.
  kinds text[],
  project text,
  sweep_id text references sweeps,
  thresholds jsonb not null default '[]',
  created_by text not null,
  created_at timestamptz not null default now(),
  -- Everything up to this event was sent, set aside, or is not for it.
  cursor int8 not null,
  -- Of the event after the cursor.
  tries int not null default 0,
  next_try_at timestamptz not null default now(),
  last_error text,
  last_sent_at timestamptz
);

-- What happened, as webhooks are told. Written by one process at a time from facts and rows, while there is a webhook,
-- under a lock, so that numbers are visible in their order; dropped once every webhook is past it.
create table events (
  seq int8 generated always as identity primary key,
  kind text not null,
  project text,
  sweep_id text,
  -- Only for this webhook; null for all.
  webhook_id text,
  body jsonb not null
);

-- How far events are made of the facts of a sweep, and what was told of its best trial and its budget.
create table event_cursors (
  sweep_id text primary key,
  fact_seq int8 not null,
  best_trial int,
  best_value float8,
  budget_told boolean not null default false,
  started_told boolean not null default false
) with (fillfactor = 70);
create table event_thresholds (
  webhook_id text not null references webhooks on delete cascade,
  run_id text not null,
  place int not null,
  primary key (webhook_id, run_id, place)
);
-- Findings that were told: the same one is written down again as its figures change.
create table event_findings (
  run_key int8 not null,
  rule text not null,
  metric text not null,
  found_at timestamptz not null,
  primary key (run_key, rule, metric)
);
create table event_positions (name text primary key, position int8 not null);
insert into event_positions values ('findings', 0);

-- What could not be delivered, with what was to be sent.
create table webhook_dead_letters (
  webhook_id text not null references webhooks on delete cascade,
  seq int8 not null,
  kind text not null,
  body jsonb not null,
  error text not null,
  tries int not null,
  failed_at timestamptz not null default now(),
  primary key (webhook_id, seq)
);

-- Projects, experiments and runs outside of sweeps have no facts. They change seldom, so their changes are noted beside,
-- and only while somebody wants to know.
create table event_inbox (
  id int8 generated always as identity primary key,
  kind text not null,
  row_id text not null,
  at timestamptz not null default clock_timestamp()
);

create function note_event() returns trigger language plpgsql as $$
begin
  if exists (select from webhooks) then
    insert into event_inbox (kind, row_id) values (tg_argv[0], new.id::text);
  end if;
  return null;
end $$;
create trigger project_created after insert on projects for each row execute function note_event('project.created');
create trigger experiment_created after insert on experiments for each row when (new.kind = 'runs')
  execute function note_event('experiment.created');
create trigger experiment_ended after update of status on experiments for each row
  when (new.kind = 'runs' and new.status = 'completed' and old.status <> 'completed')
  execute function note_event('experiment.ended');
create trigger run_created after insert on runs for each row when (new.sweep_id is null)
  execute function note_event('run.created');
create trigger run_started after update of status on runs for each row
  when (new.status = 'running' and old.status <> 'running') execute function note_event('run.started');
create trigger run_ended after update of status on runs for each row
  when (new.ended_at is not null and old.ended_at is null) execute function note_event('run.ended');

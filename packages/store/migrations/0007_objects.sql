-- The previous release can keep running beside this: it neither reads nor writes what is new.

-- What the object store holds, called after its content. A row is there before the bytes are and goes after them.
create table objects (
  sha256 bytea primary key check (length(sha256) = 32),
  -- Of the bytes, once they are whole.
  size_bytes int8 not null default 0 check (size_bytes >= 0),
  is_whole boolean not null default false,
  -- Until then it stays even where nothing refers to it: somebody uploads it, or was told that it is here.
  held_until timestamptz not null
);

-- Where attempts find the code, as spec/code.ts has it; null for the folder of the sweep.
alter table sweep_definitions add column code jsonb;
alter table sweep_definitions add column snapshot bytea references objects;
create index sweep_definitions_by_snapshot on sweep_definitions (snapshot) where snapshot is not null;

-- Copies of checkpoints that the object store has.
create table checkpoints (
  attempt_id text not null references attempts,
  step int8 not null,
  sweep_id text not null,
  trial int not null,
  -- The folder that it is a copy of, on the host of the attempt.
  path text not null,
  sha256 bytea not null references objects,
  created_at timestamptz not null default now(),
  primary key (attempt_id, step),
  foreign key (sweep_id, trial) references trials
);
create index checkpoints_by_trial on checkpoints (sweep_id, trial, step);
create index checkpoints_by_object on checkpoints (sha256);

create index artifacts_by_object on artifacts (sha256);

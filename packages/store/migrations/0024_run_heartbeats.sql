-- The previous release can keep running beside this; it takes no heartbeats, and gives no run up.

-- When runs outside of sweeps have last said that they live, and which were given up; see src/tracking/run-heartbeats.ts.
create table run_heartbeats (
  run_key int8 primary key references runs on delete cascade,
  -- Whether its program sends heartbeats.
  is_beating boolean not null,
  seen_at timestamptz not null default now(),
  -- Since when the run counts as lost; null while it doesn't.
  lost_at timestamptz
) with (fillfactor = 70);

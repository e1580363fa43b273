-- Beside the previous release: no. It takes the tables, but can't read what agents now say of their room and slots.

-- Why it takes nothing more; null while it does, and when it said so itself.
alter table agents add column state_reason text;
-- It was drained because what it runs fails: that is not held against the trials.
alter table agents add column is_faulty boolean not null default false;
-- When it registered last: what failed before that says nothing of it now.
alter table agents add column ready_since timestamptz not null default now();
-- The queues that it may serve, by the token it joined with; null: any.
alter table agents add column allowed_queues text[];
alter table tokens add column queues text[];

-- Its failure is its host's, and counts against no retry.
alter table attempts add column is_excused boolean not null default false;
create index attempts_by_agent on attempts (agent_id, ended_at) where state = 'ended';

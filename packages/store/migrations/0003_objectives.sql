-- The previous release can keep running beside this: it ignores the columns, and sorts leaderboards for want of its index.

-- Of a sweep with several objectives, all of them; null otherwise.
alter table sweeps add column objectives jsonb;
alter table sweeps add column constraints jsonb;

-- By name, what a trial has of the other objectives and of the constraints' metrics: {reports, finite, value}.
alter table trials add column side_values jsonb;
alter table trials add column infeasible boolean not null default false;
-- Order of the leaderboard before the loss: trials that keep to the constraints, those that don't, those without a loss.
alter table trials add column standing smallint not null
  generated always as (case when loss is null then 2 when infeasible then 1 else 0 end) stored;

drop index trials_by_loss;
create index trials_by_standing on trials (sweep_id, standing, loss, number);

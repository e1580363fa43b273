-- The previous release can keep running beside this; what it does not know, it does not use.

-- Gives the runs whose metric is below or above something, and the order by it; see docs/decisions/0010-run-search.md
-- for what it costs those who log. The least and largest values come along, so that no row has to be looked up for them.
create index run_metrics_by_value on run_metrics (name_id, last_value, run_key) include (min_value, max_value);

-- The params of the run of a trial that has none of its own: a release that knew no params of runs has made it. A
-- function with a price, because the planner would count a subquery for every run, though hardly any needs one.
create function config_of_trial(sweep text, trial_number int) returns jsonb stable parallel safe cost 1 language sql as
  $$ select config from trials where sweep_id = sweep and number = trial_number $$;

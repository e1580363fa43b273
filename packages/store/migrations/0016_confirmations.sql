-- The previous release can keep running beside this: it never looks sweeps up this way.

-- Sweeps that run the best configs of another one again, by that one.
create index sweep_definitions_by_confirmed on sweep_definitions ((document #>> '{confirms,sweep}'))
 where document #>> '{confirms,sweep}' is not null;

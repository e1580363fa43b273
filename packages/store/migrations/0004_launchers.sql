-- The previous release can keep running beside this: its sweeps get the default.

-- What launches the trials of the sweep; agents that can't are not offered them.
alter table sweeps add column launcher text not null default 'process';

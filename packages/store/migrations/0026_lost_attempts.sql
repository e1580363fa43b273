-- The previous release can keep running beside this.

-- Where agents were lost, which other agents ask after: few among very many attempts.
create index attempts_lost on attempts (ended_at) where cause = 'lost';

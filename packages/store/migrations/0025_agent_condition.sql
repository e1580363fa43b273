-- The previous release can keep running beside this; its agents say nothing of it.

-- What an agent says of how it works, as AgentCondition of spec/wire/agent-protocol; null until it has said so.
alter table agents add column condition jsonb;

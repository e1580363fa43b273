-- The previous release can keep running beside this: it ignores the column.

-- The trial of the same sweep whose checkpoint this one goes on from; null for one that starts from nothing.
alter table trials add column parent int;

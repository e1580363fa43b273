-- Beside the previous release: no. It can't read reports that are packed.

-- Reports of one attempt that follow each other are one entry of the array, see src/fact-codec.ts. Text rather than
-- jsonb, because nothing is ever looked up in there, and taking thousands of numbers apart costs more than all else.
drop view facts;
alter table fact_batches drop constraint all_counted;
alter table fact_batches alter column facts type json using facts::json;

create view facts as
  select b.sweep_id, b.last_seq - b.count + row_number() over (partition by b.sweep_id, b.last_seq order by e.place, f.n) as seq,
         f.fact ->> 'kind' as kind, (f.fact ->> 'trial')::int as trial, f.fact - 'kind' as body, b.at
    from fact_batches b,
         jsonb_array_elements(b.facts::jsonb) with ordinality as e (entry, place),
         lateral (
           select e.entry as fact, 1 as n where e.entry ->> 'kind' <> 'reports'
           union all
           select (e.entry - 'steps' - 'values') || jsonb_build_object('kind', 'report', 'step', s.step, 'value', v.value,
                    'ordinal', (e.entry ->> 'ordinal')::int + s.n - 1), s.n
             from jsonb_array_elements(case e.entry ->> 'kind' when 'reports' then e.entry -> 'steps' else '[]' end)
                    with ordinality as s (step, n)
             join jsonb_array_elements(case e.entry ->> 'kind' when 'reports' then e.entry -> 'values' else '[]' end)
                    with ordinality as v (value, n) using (n)) as f;

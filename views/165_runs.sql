-- Stored analyses, and whether what they read is still what one would read today.

-- How do items turn their inputs into outputs: the same by both lists of calibrations? A row that was split in time has
-- another identity and the same content.
create function gilgamesh.same_calibrations(one bigint[], other bigint[]) returns boolean
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
begin atomic
  select one = other or (cardinality(one) = cardinality(other) and not exists (
    select from unnest(one, other) pair(a, b)
      left join gilgamesh.calibration x on x.id = pair.a
      left join gilgamesh.calibration y on y.id = pair.b
     where (x.component_id, x.steps, x.input_unit, x.output_unit, x.covariance)
           is distinct from (y.component_id, y.steps, y.input_unit, y.output_unit, y.covariance)));
end;

-- Why would this input not be read the same way (at gilgamesh.known_at)? Null when it would.
create function gilgamesh.input_change(input gilgamesh.run_input) returns text
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  r resolved_signal;
  was record;
  now_formula text;
  change text;
begin
  if input.definition_id is not null then
    select d.formula into was from definition d where d.id = input.definition_id;
    select d.formula into now_formula
      from (select d.formula, d.valid, sh.started_at
              from shot sh join definition d on d.signal_id = input.signal_id
             where sh.number = input.shot and coalesce(lower(d.valid), '-infinity') <= sh.started_at
               and (d.recorded @> (select known_at())) is distinct from false
             order by coalesce(lower(d.valid), '-infinity') desc limit 1) d
     where d.valid @> d.started_at;
    if now_formula is distinct from was.formula then
      return format('%s is %s, no longer %s', (select s.name from signal s where s.id = input.signal_id),
                    coalesce(now_formula, 'not defined'), was.formula);
    end if;
    return null;
  end if;
  select * into r from resolved_signal v where v.signal_id = input.signal_id and v.shot = input.shot;
  if r.status <> 'ok' then
    return format('%s of shot %s is %s', r.signal, r.shot, r.status);
  end if;
  if r.series_id <> input.series_id then
    return case when r.run_id is not null then format('%s of shot %s was computed again by run %s', r.signal, r.shot, r.run_id)
                else format('%s of shot %s was wired to %s', r.signal, r.shot, r.port) end;
  end if;
  if r.run_id is not null then
    -- What another run computed is out of date when that run is.
    select format('%s of shot %s is out of date: %s', r.signal, r.shot, found.why) into change
      from (select input_change(i) as why from run_input i where i.run_id = r.run_id) found
     where found.why is not null limit 1;
    return change;
  end if;
  if r.connection_id <> input.connection_id and exists (
       select from connection c join connection d on d.id = input.connection_id
        where c.id = r.connection_id and c.chain <> d.chain) then
    return format('%s of shot %s goes through another chain', r.signal, r.shot);
  end if;
  if not same_calibrations(r.calibrations, input.calibrations) then
    return format('%s of shot %s has other calibrations', r.signal, r.shot);
  end if;
  if r.timing_id is distinct from input.timing_id and (r.clock_offset, r.clock_rate) is distinct from
       (select (coalesce(max(t.start_offset), 0), coalesce(max(t.clock_rate), 1)) from timing t where t.id = input.timing_id) then
    return format('the clock of %s in shot %s was corrected', r.device, r.shot);
  end if;
  return null;
end
$$;

create view gilgamesh.runs with (security_invoker = true) as
select r.id as run, r.method, r.version, r.shot,
       array(select s.name from gilgamesh.series se join gilgamesh.signal s on s.id = se.signal_id
              where se.run_id = r.id order by s.name) as signals,
       r.parameters, r.author, e.recorded_at, r.known_at,
       case when judged.inputs = 0 then null else judged.why is null end as up_to_date, judged.why as reason,
       not exists (
         select from gilgamesh.series se
          where se.run_id = r.id and not exists (
            select from gilgamesh.series later join gilgamesh.run u on u.id = later.run_id
              join gilgamesh.edit k on k.id = u.edit_id and k.recorded_at <= (select gilgamesh.known_at())
             where later.signal_id = se.signal_id and later.shot = se.shot and k.id > e.id)) as superseded
  from gilgamesh.run r
  join gilgamesh.edit e on e.id = r.edit_id and e.recorded_at <= (select gilgamesh.known_at())
  left join lateral (
    select count(*) as inputs, min(gilgamesh.input_change(i)) as why from gilgamesh.run_input i where i.run_id = r.id
  ) judged on true;

comment on view gilgamesh.runs is
  'Stored analyses. Whether one is out of date is never stored but looked up: its inputs are compared with what would be read now (at gilgamesh.known_at).';
comment on column gilgamesh.runs.run is 'Identity of the run.';
comment on column gilgamesh.runs.method is 'Name of the method.';
comment on column gilgamesh.runs.version is 'Version of the method.';
comment on column gilgamesh.runs.shot is 'The shot it analysed.';
comment on column gilgamesh.runs.signals is 'The processed signals it saved.';
comment on column gilgamesh.runs.parameters is 'Every parameter the method was given.';
comment on column gilgamesh.runs.author is 'Who ran it.';
comment on column gilgamesh.runs.recorded_at is 'When its results became known.';
comment on column gilgamesh.runs.known_at is 'The knowledge of wiring and calibrations it used.';
comment on column gilgamesh.runs.up_to_date is 'Whether it would read the same today; null when it named no inputs.';
comment on column gilgamesh.runs.reason is 'What changed in its inputs, where it is out of date.';
comment on column gilgamesh.runs.superseded is 'Whether a later run saved all of its outputs again.';

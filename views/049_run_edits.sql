-- Runs: a stored analysis begins, writes the series of its outputs, and becomes known at once.

-- Begin a run. Its inputs are rows of run_input without the run, as JSON.
create function gilgamesh.open_run(method text, version text, parameters jsonb, shot bigint, known_at timestamptz,
                                   author text, inputs jsonb) returns bigint
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  opened bigint;
begin
  perform shot_time(open_run.shot) where open_run.shot is not null;
  insert into run (method, version, parameters, shot, known_at, author)
       values (readable_name('method', open_run.method), open_run.version, open_run.parameters, open_run.shot,
               open_run.known_at, coalesce(nullif(btrim(open_run.author), ''), acting_role()))
    returning id into opened;
  insert into run_input (run_id, series_id, signal_id, connection_id, calibrations, timing_id, definition_id, shot)
  select opened, i.series_id, i.signal_id, i.connection_id, coalesce(i.calibrations, '{}'), i.timing_id, i.definition_id, i.shot
    from jsonb_populate_recordset(null::run_input, open_run.inputs) i;
  return opened;
end
$$;

-- Everything is written: from now on the run and its outputs are known, and never change.
create function gilgamesh.finish_run(run bigint) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  ending run;
  outputs text;
  e edit;
begin
  select * into ending from run r where r.id = finish_run.run for update;
  if ending.id is null or ending.edit_id is not null then
    raise exception using errcode = 'GG009', message = format('run %s is not being written', finish_run.run);
  end if;
  select string_agg(s.name, ', ' order by s.name) into outputs
    from series se join signal s on s.id = se.signal_id where se.run_id = ending.id;
  if outputs is null then
    raise exception using errcode = 'GG008', message = format('the run of %s saved nothing', ending.method),
      hint = 'Save at least one processed signal: r.save("Lang_dens", time, values, unit).';
  end if;
  e := begin_edit(format('run %s (%s %s)%s: %s', ending.id, ending.method, ending.version,
                         coalesce(format(' of shot %s', ending.shot), ''), outputs), ending.author);
  update run r set edit_id = e.id where r.id = ending.id;
end
$$;

-- An output is a processed signal of a run that is being written.
create function gilgamesh.guard_output() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if exists (select from run r where r.id = new.run_id and r.edit_id is not null) then
    raise exception using errcode = 'GG009', message = format('run %s is finished and never changes', new.run_id);
  end if;
  if exists (select from signal s where s.id = new.signal_id and s.kind <> 'processed') then
    raise exception using errcode = 'GG008',
      message = format('%L is not a processed signal, so a run cannot save it', (select s.name from signal s where s.id = new.signal_id)),
      hint = 'Give the output a name of its own, with kind processed.';
  end if;
  return new;
end
$$;

create trigger series_of_open_run before insert on gilgamesh.series
  for each row when (new.run_id is not null) execute function gilgamesh.guard_output();

-- Outputs are stored in the unit of their signal, so it stays what it was.
create function gilgamesh.guard_unit_of_output() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if exists (select from series se where se.signal_id = new.id) then
    raise exception using errcode = 'GG009',
      message = format('runs have saved %L in %L; a processed signal keeps its kind and unit', new.name, coalesce(nullif(old.unit, ''), '1')),
      hint = 'Give what has another unit a name of its own.';
  end if;
  return new;
end
$$;

create trigger signal_keeps_unit_of_outputs before update of kind, unit on gilgamesh.signal
  for each row when (old.kind = 'processed' and (new.kind, new.unit) is distinct from (old.kind, old.unit))
  execute function gilgamesh.guard_unit_of_output();

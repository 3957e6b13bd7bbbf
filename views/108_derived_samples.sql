-- Derived signals in SQL: a formula that takes each sample on its own, evaluated block by block.

-- The formula of a derived signal in a shot, with those of the derived signals it names, as formula_statement takes them.
-- Raises what Python would: no formula, an unknown name, a circle, a clash of units; and where the whole record is needed.
create function gilgamesh.derived_program(signal_id bigint, shot bigint, program jsonb default '{"inputs": [], "lets": [], "known": {}}',
                                          above text[] default '{}', asked text default null) returns jsonb
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  own signal;
  stated text;
  parsed jsonb;
  whole text;
  input record;
begin
  select * into own from signal s where s.id = derived_program.signal_id;
  if own.name = any(above) then
    raise exception using errcode = 'GG014', message = format('the formula of %L needs itself: %s', own.name,
      array_to_string(above[array_position(above, own.name) :] || own.name, ' → ')), hint = 'Define one of them without the others.';
  end if;
  select d.formula into stated
    from shot sh
   cross join lateral (
      select w.formula, w.valid from definition w
       where w.signal_id = derived_program.signal_id and coalesce(lower(w.valid), '-infinity') <= sh.started_at
         and (w.recorded @> (select known_at())) is distinct from false
       order by w.signal_id, coalesce(lower(w.valid), '-infinity') desc limit 1) d
   where sh.number = derived_program.shot and d.valid @> sh.started_at;
  if stated is null then
    raise exception using errcode = 'GG015',
      message = format('the derived signal %L has no formula that was in force in shot %s', own.name, shot),
      hint = format('State one with: gilgamesh define %s ''FORMULA'' --reason …', own.name);
  end if;
  parsed := parse_formula(stated);
  whole := (regexp_match(parsed::text, '"(diff|integral|smooth|mean)"'))[1];
  if whole is not null then
    raise exception using errcode = 'GG008',
      message = format('%L cannot be read in SQL: %s(…) in its formula %L takes the whole record, not each sample on its own', own.name, whole, stated),
      hint = format('In Python: db.signal(%L, %s).values', coalesce(asked, own.name), shot)
             || case when asked is null then format('; to leave it out of a list: where signal <> %L', own.name) else '' end;
  end if;
  for input in
    select n.name as spelled, s.name, s.id, s.kind
      from unnest(formula_names(parsed)) with ordinality n(name, k)
      left join alias a on a.name = n.name
      join signal s on s.name = n.name or s.id = a.signal_id
     order by n.k
  loop
    program := jsonb_set(program, array['known', input.spelled], to_jsonb(input.name));
    if input.kind <> 'derived' and not program -> 'inputs' ? input.name then
      program := jsonb_insert(program, '{inputs,-1}', to_jsonb(input.name), true);
    elsif input.kind = 'derived' and not exists (select from jsonb_array_elements(program -> 'lets') l where l ->> 'name' = input.name) then
      program := derived_program(input.id, shot, program, above || own.name::text, coalesce(asked, own.name));
    end if;
  end loop;
  return jsonb_insert(program, '{lets,-1}', jsonb_build_object('name', own.name, 'tree', compile_formula(parsed, own.unit, stated)), true);
end
$$;

-- Calibrated samples first <= index < stop of a record.
create function gilgamesh.calibrated_slice(r gilgamesh.resolved_signal, first bigint, stop bigint) returns double precision[]
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  width constant integer := sample_width(r.dtype);
  found float8[] := '{}';
  counts float8[];
  piece record;
begin
  for piece in
    select g.payload, g.n, greatest(0, calibrated_slice.first - g.position::bigint * r.segment_n)::integer as i0,
           least(g.n, calibrated_slice.stop - g.position::bigint * r.segment_n)::integer as i1
      from segment g
     where g.shot = r.shot and g.series_id = r.series_id
       and g.position between calibrated_slice.first / r.segment_n and (calibrated_slice.stop - 1) / r.segment_n
     order by g.position
  loop
    counts := case when piece.i0 = 0 and piece.i1 = piece.n then decode_payload(piece.payload, r.dtype, piece.n)
                   else decode_bytes(substring(piece.payload from 21 + width * piece.i0 for width * (piece.i1 - piece.i0)),
                                     r.dtype, piece.i1 - piece.i0) end;
    found := found || case when r.gain is not null then array(select c * r.gain + r."offset" from unnest(counts) c)
                           else apply_steps(counts, r.steps) end;
  end loop;
  if cardinality(found) <> stop - first then
    raise exception using errcode = 'GG012', message = format('the record of %L in shot %s lacks samples between %s and %s', r.signal, r.shot, first, stop),
      hint = 'Check with: gilgamesh db check --samples';
  end if;
  return found;
end
$$;

-- Were two signals sampled at the same instants? Up to a millionth of an interval, as in Python.
create function gilgamesh.same_times(one gilgamesh.resolved_signal, other gilgamesh.resolved_signal) returns boolean
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  select case when one.series_id = other.series_id then true
              when one.n <> other.n or (one.dt is null) <> (other.dt is null) then false
              when one.dt is not null then abs(one.start - other.start) <= 1e-6 * one.dt and abs(one.dt - other.dt) * one.n <= 1e-6 * one.dt
              else one.segment_n = other.segment_n and one.clock_rate = other.clock_rate and one.clock_offset = other.clock_offset
                   and not exists (select from segment a join segment b on b.position = a.position
                                    where a.shot = one.shot and a.series_id = one.series_id
                                      and b.shot = other.shot and b.series_id = other.series_id and a.times <> b.times) end
$$;

-- How a time base is described to people.
create function gilgamesh.shown_times(r gilgamesh.resolved_signal) returns text
  language sql immutable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  select case when r.dt is null then format('%s irregular samples', r.n)
              else format('%s samples from %s s every %s s', r.n, shown_number(r.start), shown_number(r.dt)) end
$$;

-- A derived signal between two instants (t0 <= time < t1; null for the whole record), in blocks of the record of the first
-- signal its formula names, whose times it has. All its inputs must share them: Python brings others onto them, SQL refuses.
-- What cannot be read raises; unless `strict`, an input without wiring or samples, or a missing formula, is no rows.
create function gilgamesh.derived_blocks(signal_id bigint, shot bigint, t0 double precision default null, t1 double precision default null,
                                         strict boolean default true)
  returns table (first bigint, n integer, start double precision, dt double precision, times double precision[], "values" double precision[])
  language plpgsql stable rows 4
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  named constant text := (select s.name from signal s where s.id = derived_blocks.signal_id);
  program jsonb;
  statement text;
  inputs resolved_signal[] := '{}';
  r resolved_signal;
  base resolved_signal;
  i0 bigint;
  i1 bigint;
  slices float8[];
begin
  begin
    program := derived_program(derived_blocks.signal_id, derived_blocks.shot, asked => case when strict then named end);
  exception when sqlstate 'GG015' then
    if strict then
      raise;
    end if;
    return;
  end;
  for r in
    select v.* from jsonb_array_elements_text(program -> 'inputs') with ordinality i(name, k)
      join resolved_signal v on v.signal_id = (select s.id from signal s where s.name = i.name) and v.shot = derived_blocks.shot
     order by i.k
  loop
    if r.status <> 'ok' and not strict and r.status <> 'not calibrated' then
      return;
    end if;
    perform require_resolved(r.status, r.signal, r.shot);
    inputs := inputs || r;
  end loop;
  base := inputs[1];
  foreach r in array inputs loop
    if not same_times(base, r) then
      raise exception using errcode = 'GG008',
        message = format('%L cannot be read in SQL in shot %s: its formula names signals with different time bases, %L with %s and %L with %s',
                         named, shot, base.signal, shown_times(base), r.signal, shown_times(r)),
        hint = format('Python brings them onto the times of %L: db.signal(%L, %s).values', base.signal, named, shot);
    end if;
  end loop;
  statement := formula_statement(program);
  i0 := case when base.dt is null or t0 is null then 0 else sample_index(t0, base.start, base.dt, base.n) end;
  i1 := case when base.dt is null or t1 is null then base.n else sample_index(t1, base.start, base.dt, base.n) end;
  for block in i0 / base.segment_n .. (i1 - 1) / base.segment_n loop
    exit when i0 >= i1;
    first := greatest(i0, block * base.segment_n);
    n := least(i1, (block + 1) * base.segment_n) - first;
    if base.dt is null then
      times := (select array(select t * base.clock_rate + base.clock_offset from unnest(decode_payload(g.times, 'float64', g.n)) t)
                  from segment g where g.shot = base.shot and g.series_id = base.series_id and g.position = block);
      if t0 is not null then
        first := first + (select count(*) filter (where t < t0) from unnest(times) t);
        n := (select count(*) from unnest(times) t where t >= t0 and t < t1);
        times := array(select t from unnest(times) t where t >= t0 and t < t1);
      end if;
      continue when n = 0;
    end if;
    slices := '{}';
    foreach r in array inputs loop
      slices := slices || array[calibrated_slice(r, first, first + n)];
    end loop;
    execute statement into "values" using slices;
    start := base.start;
    dt := base.dt;
    return next;
  end loop;
end
$$;

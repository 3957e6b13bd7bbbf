-- What to say of a signal that cannot be read.

-- A chain with a hole gives no value: say which signal of which shot, and what is missing.
create function gilgamesh.require_resolved(status text, signal text, shot bigint, missing text default null) returns boolean
  language plpgsql stable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if status = 'ok' then
    return true;
  end if;
  if status = 'no samples' and exists (
    select from signal n
      join connection c on c.signal_id = n.id and c.recorded @> (select known_at())
      join stream st on st.port_id = c.port_id
     where n.name = require_resolved.signal and c.valid @> shot_time(shot)) then
    raise exception using errcode = 'GG011', message = format('%L comes from a stream in shot %s: slow control has no records of shots', signal, shot),
      hint = format('Its samples: select * from gilgamesh.slow_samples_between(%1$L, begin, end); in Python: db.signal(%1$L, %2$s)', signal, shot);
  end if;
  raise exception using
    errcode = case status when 'not wired' then 'GG004' when 'not calibrated' then 'GG005' else 'GG011' end,
    message = case status
      when 'not wired' then format('%L was not wired to any port in shot %s', signal, shot)
      when 'a formula' then format('%L is a derived signal: it has values but no record', signal)
      when 'not computed' then format('%L was not computed in shot %s: no run has saved it', signal, shot)
      when 'not calibrated' then format('%L cannot be computed in shot %s: %s', signal, shot, coalesce(missing, 'an item of its chain has no calibration then'))
      else format('%L was wired in shot %s, but no samples of its port are stored: it recorded nothing, or they were released', signal, shot) end,
    hint = case status
      when 'not wired' then format('See where it was wired: select * from gilgamesh.wiring where signal = %L', signal)
      when 'a formula' then format('Its values: select * from gilgamesh.samples_between(%1$L, %2$s, t0, t1); its uncertainty in Python: db.signal(%1$L, %2$s).uncertainty', signal, shot)
      when 'not computed' then format('See what was run: select * from gilgamesh.runs where shot = %s', shot)
      when 'not calibrated' then format('See the chain: gilgamesh explain %s %s', signal, shot)
      else format('See what was recorded: select * from gilgamesh.gaps where shot = %s', shot) end;
end
$$;

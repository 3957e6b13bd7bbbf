-- What people state of records and shots: how far to trust them, and what happened.

-- State how far records can be trusted, for a window of time (seconds from the trigger) or as a whole. What is said
-- replaces what was said of the window before; 'not checked' takes it back.
create function gilgamesh.set_quality(signals text[], shots bigint[], flag text,
                                      since double precision default '-infinity', until double precision default 'infinity',
                                      reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(set_quality.reason);
  named bigint[] := array(select signal_named(s) from unnest(set_quality.signals) s);
  old quality_flag;
begin
  perform shot_time(n) from unnest(set_quality.shots) n;
  if set_quality.flag not in ('not checked', 'bad', 'doubtful', 'good', 'validated') or set_quality.flag is null then
    raise exception using errcode = 'GG008', message = format('%L is not a quality', set_quality.flag),
      hint = 'Say one of: not checked, bad, doubtful, good, validated.';
  end if;
  if not set_quality.since < set_quality.until or 'NaN' in (set_quality.since, set_quality.until) then
    raise exception using errcode = 'GG008',
      message = format('the window from %s s to %s s is empty', set_quality.since, set_quality.until),
      hint = 'Windows are half-open: from since, up to but not including until.';
  end if;
  for old in
    select * from quality_flag q
     where q.signal_id = any(named) and q.shot = any(set_quality.shots) and upper_inf(q.recorded)
       and q.since < set_quality.until and q.until > set_quality.since
       for update
  loop
    if lower(old.recorded) = e.recorded_at then
      delete from quality_flag q where q.id = old.id;
    else
      update quality_flag q set recorded = tstzrange(lower(q.recorded), e.recorded_at), closed_by_id = e.id where q.id = old.id;
    end if;
    -- What remains before and after stays, under the name of whoever stated it.
    insert into quality_flag (signal_id, shot, flag, since, until, recorded, edit_id)
    select old.signal_id, old.shot, old.flag, rest.since, rest.until, tstzrange(e.recorded_at, null), old.edit_id
      from (values (old.since, set_quality.since), (set_quality.until, old.until)) rest(since, until)
     where rest.since < rest.until;
  end loop;
  if set_quality.flag <> 'not checked' then
    insert into quality_flag (signal_id, shot, flag, since, until, recorded, edit_id)
    select distinct s, n, set_quality.flag, set_quality.since, set_quality.until, tstzrange(e.recorded_at, null), e.id
      from unnest(named) s cross join unnest(set_quality.shots) n;
  end if;
end
$$;

-- Write into the logbook, beside a shot or without one.
create function gilgamesh.write_log(shot bigint, text text, reason text default 'logbook') returns bigint
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(write_log.reason);
  written bigint;
begin
  perform shot_time(write_log.shot) where write_log.shot is not null;
  if nullif(btrim(write_log.text), '') is null then
    raise exception using errcode = 'GG008', message = 'the entry says nothing', hint = 'Write what happened, in a few words.';
  end if;
  insert into log_entry (shot, text, recorded, edit_id)
       values (write_log.shot, btrim(write_log.text), tstzrange(e.recorded_at, null), e.id) returning id into written;
  return written;
end
$$;

-- Strike an entry of the logbook out. Who asks what was known before still reads it.
create function gilgamesh.strike_log(entry bigint, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(strike_log.reason);
begin
  update log_entry l set recorded = tstzrange(lower(l.recorded), e.recorded_at), closed_by_id = e.id
   where l.id = strike_log.entry and upper_inf(l.recorded) and lower(l.recorded) < e.recorded_at;
  if not found then
    raise exception using errcode = 'GG008', message = format('there is no entry %s in the logbook that stands', strike_log.entry),
      hint = 'Entries and their numbers: select entry, shot, text from gilgamesh.log';
  end if;
end
$$;

-- What do two states of knowledge say differently, by how much, and who made the difference?

-- What was said of which subject (a signal's connection or definition, an item's calibration, a device's timing) that
-- was not believed at both moments: for which periods do the two differ, and which edits lie between them?
-- A statement that was only cut in pieces, or said again with the same content, makes no difference.
create function gilgamesh.said_differently(known_at_1 timestamptz, known_at_2 timestamptz)
  returns table (history text, subject_id bigint, edit_id bigint, during tstzmultirange)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  with touched as (
    select h.*, h.recorded @> least(known_at_1, known_at_2) as earlier, h.recorded @> greatest(known_at_1, known_at_2) as later
      from (
        select 'connection' as history, c.signal_id as subject_id, jsonb_build_array(c.port_id, c.chain) as content,
               c.valid, c.recorded, c.edit_id, c.closed_by_id from connection c
        union all
        select 'calibration', k.component_id, jsonb_build_array(k.steps, k.input_unit, k.output_unit),
               k.valid, k.recorded, k.edit_id, k.closed_by_id from calibration k
        union all
        select 'timing', t.device_id, jsonb_build_array(t.start_offset, t.clock_rate),
               t.valid, t.recorded, t.edit_id, t.closed_by_id from timing t
        union all
        select 'definition', d.signal_id, jsonb_build_array(d.formula),
               d.valid, d.recorded, d.edit_id, d.closed_by_id from definition d
      ) h
     where (lower(h.recorded) > least(known_at_1, known_at_2) and lower(h.recorded) <= greatest(known_at_1, known_at_2))
        or (upper(h.recorded) > least(known_at_1, known_at_2) and upper(h.recorded) <= greatest(known_at_1, known_at_2))
  ), content as (
    select t.history, t.subject_id,
           coalesce(range_agg(t.valid) filter (where t.earlier), '{}') as before,
           coalesce(range_agg(t.valid) filter (where t.later), '{}') as after
      from touched t
     where t.earlier <> t.later
     group by t.history, t.subject_id, t.content
  ), differing as (
    select c.history, c.subject_id, range_agg((c.before - c.after) + (c.after - c.before)) as during
      from content c
     group by c.history, c.subject_id
  ), made_between as (
    -- What was stated between the two …
    select t.history, t.subject_id, tstzmultirange(t.valid) as during, t.edit_id
      from touched t join edit e on e.id = t.edit_id
     where e.recorded_at = lower(t.recorded) and e.recorded_at > least(known_at_1, known_at_2)
    union all
    -- … and what was taken back, where no piece of the same statement went on.
    select t.history, t.subject_id,
           tstzmultirange(t.valid) - coalesce((
             select range_agg(p.valid) from touched p
              where p.history = t.history and p.subject_id = t.subject_id and p.edit_id = t.edit_id
                and lower(p.recorded) = upper(t.recorded)), '{}'),
           t.closed_by_id
      from touched t
     where upper(t.recorded) <= greatest(known_at_1, known_at_2)
  )
  select d.history, d.subject_id, m.edit_id, range_agg(m.during * d.during)
    from differing d join made_between m on m.history = d.history and m.subject_id = d.subject_id and m.during && d.during
   group by d.history, d.subject_id, m.edit_id
$$;

-- Which signals of which shots do these edits reach? A calibration reaches what was wired through the item, a timing
-- what was wired to the device, at either moment of knowledge.
create function gilgamesh.reached(known_at_1 timestamptz, known_at_2 timestamptz, signal_ids bigint[], since bigint, until bigint)
  returns table (signal_id bigint, shot bigint, edits bigint[])
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  with said as materialized (
    select * from said_differently(known_at_1, known_at_2)
  ), item as materialized (
    select s.subject_id, s.subject_id as component_id from said s where s.history = 'calibration'
    union
    select s.subject_id, p.component_id from said s join port p on p.device_id = s.subject_id where s.history = 'timing'
  ), wired as materialized (
    select w.signal_id, w.valid, w.port_id || w.chain as path
      from connection w
     where (w.port_id || w.chain) && array(select i.component_id from item i)
       and (w.recorded @> known_at_1 or w.recorded @> known_at_2)
  ), reach as (
    select s.subject_id as signal_id, s.edit_id, s.during from said s where s.history in ('connection', 'definition')
    union all
    select w.signal_id, s.edit_id, s.during * tstzmultirange(w.valid)
      from said s
      join item i on i.subject_id = s.subject_id
      join wired w on i.component_id = any(w.path) and s.during && w.valid
     where (s.history = 'timing') = (i.component_id <> i.subject_id)
  ), found as (
    select r.signal_id, sh.number as shot, r.edit_id
      from reach r
      join shot sh on sh.started_at >= coalesce(lower(r.during), '-infinity')
                  and sh.started_at < coalesce(upper(r.during), 'infinity') and r.during @> sh.started_at
    union all
    -- A run makes its outputs known by an edit of its own.
    select se.signal_id, se.shot, e.id
      from edit e join run u on u.edit_id = e.id join series se on se.run_id = u.id
     where e.recorded_at > least(known_at_1, known_at_2) and e.recorded_at <= greatest(known_at_1, known_at_2)
  )
  select f.signal_id, f.shot, array_agg(distinct f.edit_id order by f.edit_id)
    from found f
   where (reached.signal_ids is null or f.signal_id = any(reached.signal_ids))
     and (reached.since is null or f.shot >= reached.since) and (reached.until is null or f.shot < reached.until)
   group by f.signal_id, f.shot
$$;

-- How were these signals of these shots resolved, as known at an instant?
create function gilgamesh.resolved_then(signal_ids bigint[], shots bigint[], moment timestamptz)
  returns setof gilgamesh.resolved_signal
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  asked text := current_setting('gilgamesh.known_at', true);
begin
  perform set_config('gilgamesh.known_at', moment::text, true);
  return query
    select r.*
      from unnest(signal_ids, shots) pair(signal_id, shot)
     cross join lateral (
       select v.* from resolved_signal v where v.signal_id = pair.signal_id and v.shot = pair.shot offset 0
     ) r;
  perform set_config('gilgamesh.known_at', coalesce(asked, ''), true);
end
$$;

-- A moment of knowledge that can be asked for: after the first edit, and not in the future.
create function gilgamesh.knowable(moment timestamptz) returns timestamptz
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  first timestamptz := (select e.recorded_at from edit e order by e.id limit 1);
begin
  if moment > clock_timestamp() and moment <> 'infinity' then
    raise exception using errcode = 'GG008',
      message = format('nobody knows what will be known at %s; it is now %s', moment, date_trunc('second', clock_timestamp())),
      hint = 'Give an earlier moment, or leave it out for what is known today.';
  end if;
  if first is null or moment < first then
    raise exception using errcode = 'GG008',
      message = format('nothing was known at %s: %s', moment, coalesce('the first edit of this database is of ' || first,
                                                                       'nothing has been stated in this database yet')),
      hint = 'See what was stated when: select recorded_at, author, reason from gilgamesh.edit order by id';
  end if;
  return moment;
end
$$;

-- The differences, with what is needed to compute those that moments cannot tell (another record, a curved chain).
create function gilgamesh.changed_signals(known_at_1 timestamptz, known_at_2 timestamptz default 'infinity', signals text[] default null,
                                          since bigint default null, until bigint default null)
  returns table (before gilgamesh.resolved_signal, after gilgamesh.resolved_signal, edits bigint[], what text[], n bigint,
                 maximum double precision, rms double precision, deviation double precision, peak double precision,
                 mean_before double precision, mean_after double precision, shift double precision)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  with reached as materialized (
    select * from reached(known_at_1, known_at_2,
                          case when changed_signals.signals is not null then array(select signal_named(s) from unnest(changed_signals.signals) s) end,
                          changed_signals.since, changed_signals.until)
  ), asked as materialized (
    select array_agg(r.signal_id) as signal_ids, array_agg(r.shot) as shots from reached r
  ), pair as (
    select b, a, coalesce((b).port is not null and (a).port is not null, false) as wired,
           (b).status in ('ok', 'no samples') and (a).status in ('ok', 'no samples') as calibrated,
           coalesce((b).series_id = (a).series_id, false) as same_record
      from (select b from asked cross join lateral resolved_then(asked.signal_ids, asked.shots, known_at_1) b) before
      join (select a from asked cross join lateral resolved_then(asked.signal_ids, asked.shots, known_at_2) a) after
        on (a).signal_id = (b).signal_id and (a).shot = (b).shot
  ), told as (
    select p.b, p.a, p.same_record, array_remove(array[
             case when (p.b).port is null and (p.a).port is not null then 'wired' end,
             case when (p.b).port is not null and (p.a).port is null then 'unwired' end,
             case when p.wired and (p.b).port <> (p.a).port then 'port' end,
             case when p.wired and (p.b).chain <> (p.a).chain then 'chain' end,
             case when (p.b).status = 'not calibrated' and (p.a).status in ('ok', 'no samples') then 'calibrated' end,
             case when (p.b).status in ('ok', 'no samples') and (p.a).status = 'not calibrated' then 'uncalibrated' end,
             case when p.wired and p.calibrated and ((p.b).gain, (p.b)."offset", (p.b).steps) is distinct from ((p.a).gain, (p.a)."offset", (p.a).steps)
                  then 'calibration' end,
             case when (p.b).kind = 'processed' and (p.b).status <> 'ok' and (p.a).status = 'ok' then 'computed' end,
             case when (p.b).run_id <> (p.a).run_id then 'run' end,
             case when p.wired and ((p.b).clock_rate, (p.b).clock_offset) <> ((p.a).clock_rate, (p.a).clock_offset) then 'timing' end
           ], null) as differs
      from pair p
  )
  select t.b, t.a, r.edits, t.differs, case when t.same_record then m.n end,
         -- One record through two straight lines differs by a straight line, so its moments tell all of it.
         greatest(abs(d.gain * m.low + d."offset"), abs(d.gain * m.high + d."offset")),
         sqrt(d.gain * d.gain * m.variance + (d.gain * m.mean + d."offset") ^ 2),
         abs((t.b).gain) * sqrt(m.variance),
         greatest(abs((t.b).gain * m.low + (t.b)."offset"), abs((t.b).gain * m.high + (t.b)."offset")),
         (t.b).gain * m.mean + (t.b)."offset",
         (t.a).gain * case when t.same_record then m.mean else o.mean end + (t.a)."offset",
         case when t.same_record and 'timing' = any(t.differs) then
           case when (t.b).dt is not null
                then greatest(abs((t.a).start - (t.b).start), abs((t.a).start - (t.b).start + ((t.a).dt - (t.b).dt) * ((t.b).n - 1)))
                when (t.b).clock_rate = (t.a).clock_rate then abs((t.a).clock_offset - (t.b).clock_offset) end end
    from told t
    join reached r on r.signal_id = (t.b).signal_id and r.shot = (t.b).shot
   cross join lateral (
     select (t.a).gain - (t.b).gain as gain, (t.a)."offset" - (t.b)."offset" as "offset" where t.same_record
     union all
     select null, null where not t.same_record
   ) d
   cross join lateral (
     select sum(g.numbers) as n, min(g.minimum) as low, max(g.maximum) as high, sum(g.total) / nullif(sum(g.numbers), 0) as mean,
            greatest(0, sum(g.squares) / nullif(sum(g.numbers), 0) - (sum(g.total) / nullif(sum(g.numbers), 0)) ^ 2) as variance
       from segment g
      where g.shot = (t.b).shot and g.series_id = (t.b).series_id and (t.b).status = 'ok'
   ) m
   cross join lateral (
     select sum(g.total) / nullif(sum(g.numbers), 0) as mean
       from segment g
      where g.shot = (t.a).shot and g.series_id = (t.a).series_id and (t.a).status = 'ok' and not t.same_record
   ) o
   where t.differs <> '{}'
$$;

-- The differences for people: what is known at the second moment against the first. Amounts are given where the stored
-- moments tell them exactly (one record, straight lines); Python's db.changes reads samples for the others.
create function gilgamesh.changes(known_at_1 timestamptz, known_at_2 timestamptz default 'infinity', signals text[] default null,
                                  since bigint default null, until bigint default null)
  returns table (shot bigint, signal text, unit text, what text[], status_before text, status_after text, port_before text,
                 port_after text, maximum double precision, rms double precision, sigma double precision,
                 mean_before double precision, mean_after double precision, shift double precision, edits bigint[], because text)
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  select (c.after).shot, (c.after).signal, (c.after).unit, c.what, (c.before).status, (c.after).status, (c.before).port, (c.after).port,
         c.maximum, c.rms, c.rms / nullif(c.deviation, 0), c.mean_before, c.mean_after, c.shift, c.edits,
         (select string_agg(format('%s, %s: %s', e.author, to_char(e.recorded_at at time zone 'UTC', 'YYYY-MM-DD'), e.reason), '; ' order by e.id)
            from edit e where e.id = any(c.edits))
    from changed_signals(knowable(known_at_1), knowable(known_at_2), changes.signals, changes.since, changes.until) c
   order by 2, 1
$$;

comment on function gilgamesh.changes(timestamptz, timestamptz, text[], bigint, bigint) is
  'Which signals of which shots (since <= shot < until) differ between two moments of knowledge, what differs, by how much, and which edits made the difference.';

-- The last moment of knowledge before the edit this transaction is making: changes(before_this_edit()) is its effect.
create function gilgamesh.before_this_edit() returns timestamptz
  language sql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  select case when is_of_this_transaction(latest) then latest.recorded_at - interval '1 microsecond' else latest.recorded_at end
    from edit latest order by latest.id desc limit 1
$$;

comment on function gilgamesh.before_this_edit() is
  'The moment of knowledge before the edit of this transaction; today''s knowledge when it makes none.';

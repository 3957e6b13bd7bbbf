-- What is missing, so that nobody has to find out from a wrong number.

create view gilgamesh.gaps with (security_invoker = true) as
select r.shot, r.signal, r.port, r.status as gap,
       case r.status when 'no samples' then format('no samples of %s are stored: it recorded nothing, or they were released', r.port)
            else format('no calibration of %s then', (
              select string_agg(quote_literal(i.name), ' and ' order by item.pos)
                from gilgamesh.connection c, unnest(c.port_id || c.chain) with ordinality item(id, pos)
                join gilgamesh.component i on i.id = item.id
               where c.id = r.connection_id and r.calibrations[item.pos] is null)) end as detail
  from gilgamesh.resolved_signal r
 where r.status in ('not calibrated', 'no samples')
union all
select se.shot, null, port.name, 'not wired', format('%s samples, but no signal was wired to %s then', se.n, port.name)
  from gilgamesh.series se
  join gilgamesh.shot sh on sh.number = se.shot
  join gilgamesh.component port on port.id = se.port_id
 where not exists (
   select from (
     select c.valid from gilgamesh.connection c
      where c.port_id = se.port_id and coalesce(lower(c.valid), '-infinity') <= sh.started_at
        and (c.recorded @> (select gilgamesh.known_at())) is distinct from false
      order by c.port_id, coalesce(lower(c.valid), '-infinity') desc limit 1) c
    where c.valid @> sh.started_at);

comment on view gilgamesh.gaps is 'What is missing in each shot: calibrations, samples of wired signals, wiring of recorded samples.';
comment on column gilgamesh.gaps.shot is 'Shot number.';
comment on column gilgamesh.gaps.signal is 'The signal that suffers; null for samples nobody is wired to.';
comment on column gilgamesh.gaps.port is 'The port.';
comment on column gilgamesh.gaps.gap is 'not calibrated, no samples or not wired.';
comment on column gilgamesh.gaps.detail is 'What is missing, in words.';

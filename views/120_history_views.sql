-- The histories, in words: who said what, when it was true, when it was believed, and what came after.

create view gilgamesh.wiring with (security_invoker = true) as
select s.name as signal, port.name as port,
       array(select i.name from unnest(c.chain) with ordinality item(id, pos) join gilgamesh.component i on i.id = item.id
              order by item.pos) as chain,
       lower(c.valid) as since, upper(c.valid) as until, c.valid,
       case when closed.id is null then tstzrange(lower(c.recorded), null) else c.recorded end as recorded,
       e.author, e.reason, closed.author as closed_by, closed.reason as closed_because, c.id as connection_id
  from gilgamesh.connection c
  join gilgamesh.signal s on s.id = c.signal_id
  join gilgamesh.component port on port.id = c.port_id
  join gilgamesh.edit e on e.id = c.edit_id
  left join gilgamesh.edit closed on closed.id = c.closed_by_id and closed.recorded_at <= gilgamesh.known_at()
 where lower(c.recorded) <= (select gilgamesh.known_at());

comment on view gilgamesh.wiring is
  'The channel-to-port history of every signal, including what was believed once and is not any more (closed_by is then set). What is believed: where closed_by is null.';
comment on column gilgamesh.wiring.signal is 'The signal.';
comment on column gilgamesh.wiring.port is 'The port it was plugged into, as device/channel.';
comment on column gilgamesh.wiring.chain is 'Components whose calibrations apply after the port''s own, in order.';
comment on column gilgamesh.wiring.since is 'Beginning of validity; null: always.';
comment on column gilgamesh.wiring.until is 'End of validity, not included; null: still.';
comment on column gilgamesh.wiring.valid is 'The period of validity.';
comment on column gilgamesh.wiring.recorded is 'When the database believed it.';
comment on column gilgamesh.wiring.author is 'Who stated it.';
comment on column gilgamesh.wiring.reason is 'Why.';
comment on column gilgamesh.wiring.closed_by is 'Who superseded or withdrew it; null while it is believed.';
comment on column gilgamesh.wiring.closed_because is 'Why it was superseded or withdrawn.';
comment on column gilgamesh.wiring.connection_id is 'Identity of the statement.';

create view gilgamesh.calibrations with (security_invoker = true) as
select i.name as item, c.steps, c.input_unit, c.output_unit, c.gain, c."offset", c.source, c.quality,
       lower(c.valid) as since, upper(c.valid) as until, c.valid,
       case when closed.id is null then tstzrange(lower(c.recorded), null) else c.recorded end as recorded,
       e.author, e.reason, closed.author as closed_by, closed.reason as closed_because, c.id as calibration_id
  from gilgamesh.calibration c
  join gilgamesh.component i on i.id = c.component_id
  join gilgamesh.edit e on e.id = c.edit_id
  left join gilgamesh.edit closed on closed.id = c.closed_by_id and closed.recorded_at <= gilgamesh.known_at()
 where lower(c.recorded) <= (select gilgamesh.known_at());

comment on view gilgamesh.calibrations is
  'The calibrations of every item, including what was believed once and is not any more (closed_by is then set). What is believed: where closed_by is null.';
comment on column gilgamesh.calibrations.item is 'The calibrated component or port.';
comment on column gilgamesh.calibrations.steps is 'Steps applied in order.';
comment on column gilgamesh.calibrations.input_unit is 'Unit of what goes in.';
comment on column gilgamesh.calibrations.output_unit is 'Unit of what comes out.';
comment on column gilgamesh.calibrations.gain is 'output = gain * input + offset, where it is a straight line; null otherwise.';
comment on column gilgamesh.calibrations."offset" is 'See gain.';
comment on column gilgamesh.calibrations.source is 'Where the numbers come from.';
comment on column gilgamesh.calibrations.quality is 'How far to trust it.';
comment on column gilgamesh.calibrations.since is 'Beginning of validity; null: always.';
comment on column gilgamesh.calibrations.until is 'End of validity, not included; null: still.';
comment on column gilgamesh.calibrations.valid is 'The period of validity.';
comment on column gilgamesh.calibrations.recorded is 'When the database believed it.';
comment on column gilgamesh.calibrations.author is 'Who stated it.';
comment on column gilgamesh.calibrations.reason is 'Why.';
comment on column gilgamesh.calibrations.closed_by is 'Who superseded or withdrew it; null while it is believed.';
comment on column gilgamesh.calibrations.closed_because is 'Why it was superseded or withdrawn.';
comment on column gilgamesh.calibrations.calibration_id is 'Identity of the statement.';

-- The points a calibration was fitted to, one row each.
create view gilgamesh.calibration_points with (security_invoker = true) as
select i.name as item, c.id as calibration_id, c.valid, c.closed_by_id is null as believed, c.fit ->> 'method' as method,
       points.x, points.y, points.sigma, points.fitted, points.y - points.fitted as residual
  from gilgamesh.calibration c
  join gilgamesh.component i on i.id = c.component_id
 cross join lateral (
    select gilgamesh.float_array(c.fit -> 'x') as x, gilgamesh.float_array(c.fit -> 'y') as y,
           gilgamesh.float_array(nullif(c.fit -> 'sigma', 'null')) as sigma
    offset 0) measured
 cross join lateral unnest(measured.x, measured.y, measured.sigma, gilgamesh.apply_steps(measured.x, c.steps))
            as points(x, y, sigma, fitted)
 where c.fit is not null and lower(c.recorded) <= (select gilgamesh.known_at());

comment on view gilgamesh.calibration_points is 'Measured points of the calibrations that were fitted, with what the calibration gives there.';
comment on column gilgamesh.calibration_points.item is 'The calibrated component or port.';
comment on column gilgamesh.calibration_points.calibration_id is 'Identity of the calibration.';
comment on column gilgamesh.calibration_points.valid is 'The period of validity of the calibration.';
comment on column gilgamesh.calibration_points.believed is 'Whether the calibration is believed today.';
comment on column gilgamesh.calibration_points.method is 'What was fitted, for example poly1.';
comment on column gilgamesh.calibration_points.x is 'What went in, in the input unit.';
comment on column gilgamesh.calibration_points.y is 'What should come out, in the output unit.';
comment on column gilgamesh.calibration_points.sigma is 'Standard deviation of y, where it was given.';
comment on column gilgamesh.calibration_points.fitted is 'What the calibration makes of x.';
comment on column gilgamesh.calibration_points.residual is 'y minus fitted.';

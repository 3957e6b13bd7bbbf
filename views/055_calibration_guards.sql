-- What no calibration may be, whoever writes it and by whatever road.

-- A covariance must be one of the parameters it stands beside.
create function gilgamesh.guard_covariance() returns trigger
  language plpgsql
as $$
begin
  perform gilgamesh.check_covariance(new.steps, new.covariance);
  return new;
end
$$;

create trigger calibration_covariance_belongs before insert or update of steps, covariance on gilgamesh.calibration
  for each row when (new.covariance is not null) execute function gilgamesh.guard_covariance();

-- Say that a port gives one thing and its calibration takes another.
create function gilgamesh.refuse_port_unit(port_id bigint, given text, taken text) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if (select dimension from unit where symbol = given) <> (select dimension from unit where symbol = taken) then
    raise exception using errcode = 'GG006',
      message = format('port %L gives %s, so its calibration cannot take %s',
                       (select c.name from component c where c.id = port_id),
                       coalesce(nullif(given, ''), 'a pure number'), coalesce(nullif(taken, ''), 'a pure number')),
      hint = 'Leave the input unit of the calibration out, or give one of the same dimension.';
  end if;
end
$$;

-- A port's own calibration takes what the port delivers, whether or not a signal is wired to it yet.
create function gilgamesh.guard_port_calibration() returns trigger
  language plpgsql
as $$
begin
  perform gilgamesh.refuse_port_unit(p.component_id, p.unit, new.input_unit)
    from gilgamesh.port p where p.component_id = new.component_id;
  return new;
end
$$;

create trigger calibration_takes_what_the_port_gives before insert or update of input_unit, component_id on gilgamesh.calibration
  for each row execute function gilgamesh.guard_port_calibration();

-- Nor may the port come to deliver something else while its calibration is believed.
create function gilgamesh.guard_port_unit() returns trigger
  language plpgsql
as $$
begin
  perform gilgamesh.refuse_port_unit(new.component_id, new.unit, k.input_unit)
    from gilgamesh.calibration k where k.component_id = new.component_id and upper_inf(k.recorded);
  return new;
end
$$;

create trigger port_gives_what_its_calibration_takes before update of unit on gilgamesh.port
  for each row execute function gilgamesh.guard_port_unit();

-- A signal may be shown in another unit, but only in one its chains can give.
create function gilgamesh.guard_signal_unit() returns trigger
  language plpgsql
as $$
begin
  perform gilgamesh.check_composition(
    array(select c.id from gilgamesh.connection c where c.signal_id = new.id and upper_inf(c.recorded)));
  return null;
end
$$;

create constraint trigger signal_unit_composes after update of unit on gilgamesh.signal
  deferrable initially deferred
  for each row execute function gilgamesh.guard_signal_unit();

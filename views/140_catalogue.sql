-- What is there to ask for? Signals, ports and shots.

create view gilgamesh.signals with (security_invoker = true) as
select s.name as signal, s.kind, s.unit, s.quantity, c.name as component, s.role,
       coalesce(nullif(s.label, ''), s.name) as label, s.description, s.low, s.high,
       array(select a.name from gilgamesh.alias a where a.signal_id = s.id order by a.name) as aliases
  from gilgamesh.signal s
  left join gilgamesh.component c on c.id = s.component_id
  left join gilgamesh.edit taken_back on taken_back.id = s.withdrawn_by_id
 where s.withdrawn_by_id is null or taken_back.recorded_at > (select gilgamesh.known_at());

comment on view gilgamesh.signals is 'Every name that can be asked for.';
comment on column gilgamesh.signals.signal is 'Name of the signal.';
comment on column gilgamesh.signals.kind is 'measured, derived or processed.';
comment on column gilgamesh.signals.unit is 'Unit of its values.';
comment on column gilgamesh.signals.quantity is 'What it measures.';
comment on column gilgamesh.signals.component is 'The component it tells about.';
comment on column gilgamesh.signals.role is 'What it is to that component.';
comment on column gilgamesh.signals.label is 'Label of the axis in plots.';
comment on column gilgamesh.signals.description is 'One sentence for people.';
comment on column gilgamesh.signals.low is 'Lower end of the plausible range.';
comment on column gilgamesh.signals.high is 'Upper end of the plausible range.';
comment on column gilgamesh.signals.aliases is 'Other names.';

create view gilgamesh.ports with (security_invoker = true) as
select i.name as port, device.name as device, p.channel, p.dtype, p.unit, p.low, p.high, i.description
  from gilgamesh.port p
  join gilgamesh.component i on i.id = p.component_id
  join gilgamesh.component device on device.id = p.device_id;

comment on view gilgamesh.ports is 'Every input channel that can deliver samples.';
comment on column gilgamesh.ports.port is 'Name, as device/channel.';
comment on column gilgamesh.ports.device is 'The device.';
comment on column gilgamesh.ports.channel is 'The channel of the device.';
comment on column gilgamesh.ports.dtype is 'Type of its raw samples.';
comment on column gilgamesh.ports.unit is 'Unit of its raw samples.';
comment on column gilgamesh.ports.low is 'Lower end of its input range.';
comment on column gilgamesh.ports.high is 'Upper end of its input range.';
comment on column gilgamesh.ports.description is 'One sentence for people.';

create view gilgamesh.shots with (security_invoker = true) as
select sh.number as shot, sh.started_at, sh.duration, g.name as program, sh.status,
       coalesce(said.attributes, '{}') as attributes, said.stale
  from gilgamesh.shot sh
  left join gilgamesh.program g on g.id = sh.program_id
  left join lateral (
    select jsonb_object_agg(a.name, coalesce(to_jsonb(v.number), to_jsonb(v.text), to_jsonb(v.boolean)))
             filter (where not out_of_date.is_so) as attributes,
           array_agg(a.name order by a.name) filter (where out_of_date.is_so) as stale
      from gilgamesh.attribute_value v
      join gilgamesh.attribute a on a.id = v.attribute_id
      left join gilgamesh.edit marking on marking.id = v.stale_by_id
     cross join lateral (select v.stale and coalesce(marking.recorded_at <= (select gilgamesh.known_at()), true) as is_so) out_of_date
     where v.shot = sh.number and (v.recorded @> (select gilgamesh.known_at()))
  ) said on true;

comment on view gilgamesh.shots is 'Every discharge with what is said of it: select shot, attributes->>''Gas'' from gilgamesh.shots.';
comment on column gilgamesh.shots.shot is 'Shot number.';
comment on column gilgamesh.shots.started_at is 'Instant of the trigger.';
comment on column gilgamesh.shots.duration is 'Length of the record in seconds.';
comment on column gilgamesh.shots.program is 'The program it belongs to.';
comment on column gilgamesh.shots.status is 'running, complete or interrupted.';
comment on column gilgamesh.shots.attributes is 'Attributes by name, as known at gilgamesh.known_at; those that are out of date are left out.';
comment on column gilgamesh.shots.stale is 'Computed attributes that are out of date.';

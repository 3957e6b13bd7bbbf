-- Which physical things exist, where they sit in the testbed, and what is known of each.

create table gilgamesh.component (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  class       text not null default 'Component',
  serial      text,
  description text not null default '',
  constraint component_name_readable check (name = btrim(name) and length(name) between 1 and 200 and name !~ '[[:cntrl:]]'),
  constraint component_class_identifier check (class ~ '^[A-Za-z_][A-Za-z0-9_]*$')
);

comment on table gilgamesh.component is
  'Every physical thing that can be named, calibrated or looked at: testbed, vessel, coil, probe, divider, shunt, DAQ device, port.';
comment on column gilgamesh.component.id is 'Identity of the thing itself; it never changes and is never reused.';
comment on column gilgamesh.component.name is 'What people call it; unique.';
comment on column gilgamesh.component.class is 'What kind of thing it is, for example LangmuirProbe; a Python class of that name may know its physics.';
comment on column gilgamesh.component.serial is 'Serial or inventory number, where there is one.';
comment on column gilgamesh.component.description is 'One sentence for people.';

create table gilgamesh.placement (
  id           bigint generated always as identity primary key,
  component_id bigint not null references gilgamesh.component,
  parent_id    bigint references gilgamesh.component,
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint placement_not_in_itself check (parent_id <> component_id),
  constraint placement_valid_not_empty check (not isempty(valid)),
  constraint placement_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint placement_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint placement_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint placement_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint placement_one_at_a_time exclude using gist (
    int8range(component_id, component_id, '[]') with &&, valid with &&, recorded with &&)
);

create index placement_component_idx on gilgamesh.placement (component_id, (coalesce(lower(valid), '-infinity')) desc);
create index placement_parent_idx on gilgamesh.placement (parent_id, (coalesce(lower(valid), '-infinity')) desc);
create index placement_recorded_idx on gilgamesh.placement ((lower(recorded)), id);

comment on table gilgamesh.placement is
  'Where a component sat in the tree and when. A component exists in the testbed while it is placed; the root has no parent.';
comment on column gilgamesh.placement.id is 'Identity of this statement.';
comment on column gilgamesh.placement.component_id is 'The component that was placed.';
comment on column gilgamesh.placement.parent_id is 'The component it was part of; null for the root of the tree.';
comment on column gilgamesh.placement.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.placement.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.placement.edit_id is 'The edit that stated it.';
comment on column gilgamesh.placement.closed_by_id is 'The edit that superseded or withdrew it.';

create table gilgamesh.property (
  id           bigint generated always as identity primary key,
  component_id bigint not null references gilgamesh.component,
  name         text not null,
  value        jsonb not null,
  unit         text references gilgamesh.unit (symbol),
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint property_name_readable check (name = btrim(name) and length(name) between 1 and 200 and name !~ '[[:cntrl:]]'),
  constraint property_unit_of_numbers check (unit is null or jsonb_typeof(value) in ('number', 'array')),
  constraint property_valid_not_empty check (not isempty(valid)),
  constraint property_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint property_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint property_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint property_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint property_one_value_at_a_time exclude using gist (
    int8range(component_id, component_id, '[]') with &&,
    int8range(hashtextextended(name, 0), hashtextextended(name, 0), '[]') with &&,
    valid with &&, recorded with &&)
);

create index property_component_idx on gilgamesh.property (component_id, name, (coalesce(lower(valid), '-infinity')) desc);
create index property_recorded_idx on gilgamesh.property ((lower(recorded)), id);

comment on table gilgamesh.property is 'What is known of a component: tip length, number of turns, working gas …; each value with its time.';
comment on column gilgamesh.property.id is 'Identity of this statement.';
comment on column gilgamesh.property.component_id is 'The component it describes.';
comment on column gilgamesh.property.name is 'Name of the property, for example "tip length".';
comment on column gilgamesh.property.value is 'Number, text, truth value or array of numbers.';
comment on column gilgamesh.property.unit is 'Unit of a number or of an array of numbers.';
comment on column gilgamesh.property.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.property.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.property.edit_id is 'The edit that stated it.';
comment on column gilgamesh.property.closed_by_id is 'The edit that superseded or withdrew it.';

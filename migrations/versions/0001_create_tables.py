"""Create the tables: components, ports, signals, wiring, calibrations, shots, samples, runs."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES.replace("%", "%%"))


def downgrade() -> None:
    raise NotImplementedError("there is nothing older than the first revision; drop the database instead")


TABLES = r"""
-- Who changed the history of the testbed, when and why.
--
-- Everything that may turn out to be wrong (wiring, calibrations, the tree, properties, timing,
-- definitions, attributes) is kept with two times:
--   valid     when it was true at the testbed,
--   recorded  when this database knew it.
-- A correction closes `recorded` of the old row and inserts a new one. Nothing is overwritten.

create schema if not exists gilgamesh;

comment on schema gilgamesh is
  'Everything a testbed knows: raw samples, wiring, calibrations, components, shots. Start with the views signals, shots, resolved_signal and samples.';

create table gilgamesh.edit (
  id             bigint generated always as identity primary key,
  recorded_at    timestamptz not null,
  author         text not null,
  reason         text not null,
  role           text not null default session_user,
  transaction_id xid8 not null default pg_current_xact_id(),
  constraint edit_recorded_at_finite check (isfinite(recorded_at)),
  constraint edit_author_said check (btrim(author) <> ''),
  constraint edit_reason_said check (btrim(reason) <> '')
);

create index edit_recorded_at_idx on gilgamesh.edit (recorded_at);

comment on table gilgamesh.edit is
  'One act of changing the history: every row of every history table names the edit that stated it and, once superseded, the edit that closed it.';
comment on column gilgamesh.edit.id is 'Edits are numbered in the order in which they became known.';
comment on column gilgamesh.edit.recorded_at is 'When the database learned it; never runs backwards from one edit to the next.';
comment on column gilgamesh.edit.author is 'The person who states it.';
comment on column gilgamesh.edit.reason is 'Why, in the author''s words.';
comment on column gilgamesh.edit.role is 'The database role that was connected.';
comment on column gilgamesh.edit.transaction_id is 'The transaction that made the edit; edits of one transaction share their instant.';

-- The units quantities are given in, each with its dimension, so that the database itself can convert a value
-- and refuse a chain that does not compose.
--
-- Python adds a row the first time it meets another unit that astropy understands (gilgamesh_db/units.py).

create table gilgamesh.unit (
  symbol      text primary key,
  dimension   text not null,
  factor      double precision not null,
  "offset"    double precision not null default 0,
  description text not null default '',
  constraint unit_symbol_trimmed check (symbol = btrim(symbol)),
  constraint unit_dimension_said check (dimension <> '' and dimension = btrim(dimension)),
  constraint unit_factor_positive check (factor > 0 and factor < 'infinity'),
  constraint unit_offset_finite check ("offset" > '-infinity' and "offset" < 'infinity')
);

comment on table gilgamesh.unit is
  'Units in use. Two units compare when their dimensions are equal; then base value = value * factor + offset.';
comment on column gilgamesh.unit.symbol is 'The unit as astropy spells it: V, mbar, 1 / m3, deg_C, ct; empty for pure numbers.';
comment on column gilgamesh.unit.dimension is
  'Powers of kg, m, s, A, K, mol, cd, rad and others (ct, bit …), in this order: V is "kg m2 s-3 A-1"; a pure number is "1".';
comment on column gilgamesh.unit.factor is 'Size of the unit in base units: mbar is 100 (Pa).';
comment on column gilgamesh.unit."offset" is 'Where its zero lies, in base units: deg_C is 273.15 (K), all others are 0.';
comment on column gilgamesh.unit.description is 'The unit in words.';

-- What a plasma laboratory uses every day.
insert into gilgamesh.unit (symbol, dimension, factor, "offset", description) values
  ('',           '1',              1,                    0,      'pure number'),
  ('%',          '1',              0.01,                 0,      'one hundredth'),
  ('ct',         'ct',             1,                    0,      'count of an analogue-to-digital converter'),
  ('bit',        'bit',            1,                    0,      'bit'),
  ('rad',        'rad',            1,                    0,      'radian'),
  ('deg',        'rad',            0.017453292519943295, 0,      'degree of arc'),
  ('m',          'm',              1,                    0,      'metre'),
  ('cm',         'm',              0.01,                 0,      'centimetre'),
  ('mm',         'm',              0.001,                0,      'millimetre'),
  ('um',         'm',              1e-6,                 0,      'micrometre'),
  ('nm',         'm',              1e-9,                 0,      'nanometre'),
  ('m2',         'm2',             1,                    0,      'square metre'),
  ('cm2',        'm2',             0.0001,               0,      'square centimetre'),
  ('mm2',        'm2',             1e-6,                 0,      'square millimetre'),
  ('m3',         'm3',             1,                    0,      'cubic metre'),
  ('cm3',        'm3',             1e-6,                 0,      'cubic centimetre'),
  ('l',          'm3',             0.001,                0,      'litre'),
  ('1 / m',      'm-1',            1,                    0,      'per metre'),
  ('1 / m2',     'm-2',            1,                    0,      'per square metre, line density'),
  ('1 / m3',     'm-3',            1,                    0,      'per cubic metre, number density'),
  ('1 / cm3',    'm-3',            1000000,              0,      'per cubic centimetre, number density'),
  ('s',          's',              1,                    0,      'second'),
  ('ms',         's',              0.001,                0,      'millisecond'),
  ('us',         's',              1e-6,                 0,      'microsecond'),
  ('ns',         's',              1e-9,                 0,      'nanosecond'),
  ('min',        's',              60,                   0,      'minute'),
  ('h',          's',              3600,                 0,      'hour'),
  ('Hz',         's-1',            1,                    0,      'hertz'),
  ('kHz',        's-1',            1000,                 0,      'kilohertz'),
  ('MHz',        's-1',            1000000,              0,      'megahertz'),
  ('GHz',        's-1',            1000000000,           0,      'gigahertz'),
  ('1 / s',      's-1',            1,                    0,      'per second, rate'),
  ('rad / s',    's-1 rad',        1,                    0,      'radian per second, angular frequency'),
  ('m / s',      'm s-1',          1,                    0,      'metre per second'),
  ('km / s',     'm s-1',          1000,                 0,      'kilometre per second'),
  ('kg',         'kg',             1,                    0,      'kilogram'),
  ('g',          'kg',             0.001,                0,      'gram'),
  ('u',          'kg',             1.66053906892e-27,    0,      'atomic mass unit'),
  ('N',          'kg m s-2',       1,                    0,      'newton'),
  ('J',          'kg m2 s-2',      1,                    0,      'joule'),
  ('mJ',         'kg m2 s-2',      0.001,                0,      'millijoule'),
  ('kJ',         'kg m2 s-2',      1000,                 0,      'kilojoule'),
  ('eV',         'kg m2 s-2',      1.602176634e-19,      0,      'electronvolt'),
  ('keV',        'kg m2 s-2',      1.602176634e-16,      0,      'kiloelectronvolt'),
  ('W',          'kg m2 s-3',      1,                    0,      'watt'),
  ('mW',         'kg m2 s-3',      0.001,                0,      'milliwatt'),
  ('kW',         'kg m2 s-3',      1000,                 0,      'kilowatt'),
  ('MW',         'kg m2 s-3',      1000000,              0,      'megawatt'),
  ('W / m2',     'kg s-3',         1,                    0,      'watt per square metre'),
  ('Pa',         'kg m-1 s-2',     1,                    0,      'pascal'),
  ('hPa',        'kg m-1 s-2',     100,                  0,      'hectopascal'),
  ('mbar',       'kg m-1 s-2',     100,                  0,      'millibar'),
  ('bar',        'kg m-1 s-2',     100000,               0,      'bar'),
  ('Torr',       'kg m-1 s-2',     133.32236842105263,   0,      'torr'),
  ('K',          'K',              1,                    0,      'kelvin'),
  ('deg_C',      'K',              1,                    273.15, 'degree Celsius'),
  ('A',          'A',              1,                    0,      'ampere'),
  ('mA',         'A',              0.001,                0,      'milliampere'),
  ('uA',         'A',              1e-6,                 0,      'microampere'),
  ('kA',         'A',              1000,                 0,      'kiloampere'),
  ('A / m2',     'm-2 A',          1,                    0,      'ampere per square metre, current density'),
  ('A / V',      'kg-1 m-2 s3 A2', 1,                    0,      'ampere per volt'),
  ('C',          's A',            1,                    0,      'coulomb'),
  ('V',          'kg m2 s-3 A-1',  1,                    0,      'volt'),
  ('mV',         'kg m2 s-3 A-1',  0.001,                0,      'millivolt'),
  ('uV',         'kg m2 s-3 A-1',  1e-6,                 0,      'microvolt'),
  ('kV',         'kg m2 s-3 A-1',  1000,                 0,      'kilovolt'),
  ('V / A',      'kg m2 s-3 A-2',  1,                    0,      'volt per ampere'),
  ('V / m',      'kg m s-3 A-1',   1,                    0,      'volt per metre'),
  ('V s',        'kg m2 s-2 A-1',  1,                    0,      'volt second'),
  ('Ohm',        'kg m2 s-3 A-2',  1,                    0,      'ohm'),
  ('mOhm',       'kg m2 s-3 A-2',  0.001,                0,      'milliohm'),
  ('kOhm',       'kg m2 s-3 A-2',  1000,                 0,      'kiloohm'),
  ('MOhm',       'kg m2 s-3 A-2',  1000000,              0,      'megaohm'),
  ('F',          'kg-1 m-2 s4 A2', 1,                    0,      'farad'),
  ('uF',         'kg-1 m-2 s4 A2', 1e-6,                 0,      'microfarad'),
  ('nF',         'kg-1 m-2 s4 A2', 1e-9,                 0,      'nanofarad'),
  ('pF',         'kg-1 m-2 s4 A2', 1e-12,                0,      'picofarad'),
  ('H',          'kg m2 s-2 A-2',  1,                    0,      'henry'),
  ('mH',         'kg m2 s-2 A-2',  0.001,                0,      'millihenry'),
  ('uH',         'kg m2 s-2 A-2',  1e-6,                 0,      'microhenry'),
  ('T',          'kg s-2 A-1',     1,                    0,      'tesla'),
  ('mT',         'kg s-2 A-1',     0.001,                0,      'millitesla'),
  ('G',          'kg s-2 A-1',     0.0001,               0,      'gauss'),
  ('T / A',      'kg s-2 A-2',     1,                    0,      'tesla per ampere'),
  ('T / s',      'kg s-3 A-1',     1,                    0,      'tesla per second'),
  ('Wb',         'kg m2 s-2 A-1',  1,                    0,      'weber'),
  ('l / min',    'm3 s-1',         1.666666666666667e-5, 0,      'litre per minute'),
  ('l mbar / s', 'kg m2 s-3',      0.1,                  0,      'millibar litre per second'),
  ('mol',        'mol',            1,                    0,      'mole');

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

-- Where samples come from: the input channels of the data acquisition devices.

create table gilgamesh.port (
  component_id bigint primary key references gilgamesh.component,
  device_id    bigint not null references gilgamesh.component,
  channel      text not null,
  dtype        text not null,
  unit         text not null default 'ct' references gilgamesh.unit (symbol),
  low          double precision,
  high         double precision,
  unique (device_id, channel),
  constraint port_not_its_own_device check (device_id <> component_id),
  constraint port_channel_readable check (channel = btrim(channel) and length(channel) between 1 and 100 and channel !~ '[[:cntrl:]]'),
  constraint port_dtype_known check (dtype in ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'float32', 'float64')),
  constraint port_range_ordered check (low < high)
);

comment on table gilgamesh.port is
  'A port is a component that delivers samples. Its name is device/channel, for example "PXI M6251/ai5".';
comment on column gilgamesh.port.component_id is 'The port as a component: it can be calibrated, and may die.';
comment on column gilgamesh.port.device_id is 'The device it belongs to; samples of a device share its timing.';
comment on column gilgamesh.port.channel is 'Name of the channel on the device.';
comment on column gilgamesh.port.dtype is 'Type of the raw samples, as recorded.';
comment on column gilgamesh.port.unit is 'Unit of the raw samples: ct for ADC counts.';
comment on column gilgamesh.port.low is 'Lower end of the input range, after the port''s own calibration.';
comment on column gilgamesh.port.high is 'Upper end of the input range, after the port''s own calibration.';

-- The names people use for what they measure, compute or derive.

create table gilgamesh.signal (
  id           bigint generated always as identity primary key,
  name         text not null unique,
  kind         text not null default 'measured',
  unit         text not null references gilgamesh.unit (symbol),
  quantity     text not null default '',
  component_id bigint references gilgamesh.component,
  role         text,
  label        text not null default '',
  description  text not null default '',
  low          double precision,
  high         double precision,
  unique (component_id, role),
  constraint signal_name_identifier check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(name) <= 100),
  constraint signal_kind_known check (kind in ('measured', 'derived', 'processed')),
  constraint signal_role_identifier check (role ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(role) <= 100),
  constraint signal_role_of_component check (role is null or component_id is not null),
  constraint signal_plausible_range_ordered check (low < high)
);

comment on table gilgamesh.signal is 'A name people use, for example Langmuir_I. Which port it was wired to, and when, stands in connection.';
comment on column gilgamesh.signal.id is 'Identity of the signal.';
comment on column gilgamesh.signal.name is 'Primary name; letters, digits and underscore, so that it can stand in a formula.';
comment on column gilgamesh.signal.kind is 'measured: from a port; derived: a formula over signals; processed: output of a stored analysis.';
comment on column gilgamesh.signal.unit is 'Unit in which its values are given; the calibration chain must end in the same dimension.';
comment on column gilgamesh.signal.quantity is 'What is measured, for example "electric current".';
comment on column gilgamesh.signal.component_id is 'The component it tells about.';
comment on column gilgamesh.signal.role is 'What it is to that component, for example current or voltage.';
comment on column gilgamesh.signal.label is 'Label of the axis in plots; the name where empty.';
comment on column gilgamesh.signal.description is 'One sentence for people.';
comment on column gilgamesh.signal.low is 'Lower end of the plausible range, in the signal''s unit.';
comment on column gilgamesh.signal.high is 'Upper end of the plausible range, in the signal''s unit.';

create table gilgamesh.alias (
  name      text primary key,
  signal_id bigint not null references gilgamesh.signal,
  constraint alias_name_identifier check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(name) <= 100)
);

create index alias_signal_idx on gilgamesh.alias (signal_id);

comment on table gilgamesh.alias is 'Other names of a signal. No alias equals the name of a signal.';
comment on column gilgamesh.alias.name is 'The other name.';
comment on column gilgamesh.alias.signal_id is 'The signal it stands for.';

create table gilgamesh.definition (
  id           bigint generated always as identity primary key,
  signal_id    bigint not null references gilgamesh.signal,
  formula      text not null,
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint definition_formula_said check (btrim(formula) <> ''),
  constraint definition_valid_not_empty check (not isempty(valid)),
  constraint definition_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint definition_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint definition_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint definition_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint definition_one_at_a_time exclude using gist (
    int8range(signal_id, signal_id, '[]') with &&, valid with &&, recorded with &&)
);

create index definition_signal_idx on gilgamesh.definition (signal_id, (coalesce(lower(valid), '-infinity')) desc);

comment on table gilgamesh.definition is 'The formula of a derived signal, and when it held.';
comment on column gilgamesh.definition.id is 'Identity of this statement.';
comment on column gilgamesh.definition.signal_id is 'The derived signal.';
comment on column gilgamesh.definition.formula is 'Formula over the names of signals, for example IC_Pfwd - IC_Pref.';
comment on column gilgamesh.definition.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.definition.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.definition.edit_id is 'The edit that stated it.';
comment on column gilgamesh.definition.closed_by_id is 'The edit that superseded or withdrew it.';

-- Which port a signal was plugged into, when, and through which components.

create table gilgamesh.connection (
  id           bigint generated always as identity primary key,
  signal_id    bigint not null references gilgamesh.signal,
  port_id      bigint not null references gilgamesh.port,
  chain        bigint[] not null default '{}',
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint connection_chain_complete check (array_position(chain, null) is null and coalesce(array_ndims(chain), 1) = 1),
  constraint connection_valid_not_empty check (not isempty(valid)),
  constraint connection_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint connection_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint connection_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint connection_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint connection_one_port_per_signal exclude using gist (
    int8range(signal_id, signal_id, '[]') with &&, valid with &&, recorded with &&),
  constraint connection_one_signal_per_port exclude using gist (
    int8range(port_id, port_id, '[]') with &&, valid with &&, recorded with &&)
);

-- Resolution reads these two, never the exclusions: they find the one candidate without testing what was known.
create index connection_signal_idx on gilgamesh.connection (signal_id, (coalesce(lower(valid), '-infinity')) desc);
create index connection_port_idx on gilgamesh.connection (port_id, (coalesce(lower(valid), '-infinity')) desc);
-- Who uses this component?
create index connection_chain_idx on gilgamesh.connection using gin (chain) where upper_inf(recorded);

comment on table gilgamesh.connection is
  'The channel-to-port history: a signal was wired to a port through a chain of components. A signal has one port at a time, a port one signal.';
comment on column gilgamesh.connection.id is 'Identity of this statement.';
comment on column gilgamesh.connection.signal_id is 'The signal.';
comment on column gilgamesh.connection.port_id is 'The port it was plugged into.';
comment on column gilgamesh.connection.chain is
  'Components between the port and the thing measured whose calibrations apply after the port''s own, in this order: value = chain[2](chain[1](port(raw))).';
comment on column gilgamesh.connection.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.connection.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.connection.edit_id is 'The edit that stated it.';
comment on column gilgamesh.connection.closed_by_id is 'The edit that superseded or withdrew it.';

-- What a physical item does to the quantity that passes through it.

create table gilgamesh.calibration (
  id           bigint generated always as identity primary key,
  component_id bigint not null references gilgamesh.component,
  steps        jsonb not null,
  input_unit   text not null references gilgamesh.unit (symbol),
  output_unit  text not null references gilgamesh.unit (symbol),
  gain         double precision,
  "offset"     double precision,
  covariance   double precision[],
  source       text,
  quality      text,
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint calibration_steps_array check (jsonb_typeof(steps) = 'array' and jsonb_array_length(steps) > 0),
  constraint calibration_affine_together check ((gain is null) = ("offset" is null)),
  constraint calibration_valid_not_empty check (not isempty(valid)),
  constraint calibration_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint calibration_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint calibration_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint calibration_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint calibration_one_at_a_time exclude using gist (
    int8range(component_id, component_id, '[]') with &&, valid with &&, recorded with &&)
);

-- Resolution reads this one, never the exclusion.
create index calibration_component_idx on gilgamesh.calibration (component_id, (coalesce(lower(valid), '-infinity')) desc);

comment on table gilgamesh.calibration is
  'How a physical item (port, divider, shunt, detector …) turns its input into its output. It belongs to the item and moves with it.';
comment on column gilgamesh.calibration.id is 'Identity of this statement.';
comment on column gilgamesh.calibration.component_id is 'The calibrated item.';
comment on column gilgamesh.calibration.steps is 'Steps out of a closed, versioned set, applied in order; never code.';
comment on column gilgamesh.calibration.input_unit is 'Unit of what goes in.';
comment on column gilgamesh.calibration.output_unit is 'Unit of what comes out.';
comment on column gilgamesh.calibration.gain is 'output = gain * input + offset, where all steps together are a straight line; null otherwise.';
comment on column gilgamesh.calibration."offset" is 'See gain.';
comment on column gilgamesh.calibration.covariance is 'Covariance matrix of the coefficients of the only step, row by row, where it is known.';
comment on column gilgamesh.calibration.source is 'Where the numbers come from: bibliography key, notebook, data sheet.';
comment on column gilgamesh.calibration.quality is 'How far to trust it, in the author''s words.';
comment on column gilgamesh.calibration.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.calibration.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.calibration.edit_id is 'The edit that stated it.';
comment on column gilgamesh.calibration.closed_by_id is 'The edit that superseded or withdrew it.';

-- How the time of a device relates to the trigger of the shot.

create table gilgamesh.timing (
  id           bigint generated always as identity primary key,
  device_id    bigint not null references gilgamesh.component,
  start_offset double precision not null default 0,
  clock_rate   double precision not null default 1,
  valid        tstzrange not null,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint timing_start_offset_finite check (start_offset > '-infinity' and start_offset < 'infinity'),
  constraint timing_clock_rate_near_one check (clock_rate between 0.5 and 2.0),
  constraint timing_valid_not_empty check (not isempty(valid)),
  constraint timing_valid_half_open check ((lower_inf(valid) or lower_inc(valid)) and not upper_inc(valid)),
  constraint timing_valid_finite check (isfinite(coalesce(lower(valid), 'epoch')) and isfinite(coalesce(upper(valid), 'epoch'))),
  constraint timing_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint timing_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint timing_one_at_a_time exclude using gist (
    int8range(device_id, device_id, '[]') with &&, valid with &&, recorded with &&)
);

create index timing_device_idx on gilgamesh.timing (device_id, (coalesce(lower(valid), '-infinity')) desc);

comment on table gilgamesh.timing is
  'Correction of the clock of a device: time = start_offset + clock_rate * recorded time. A device without a row is on time.';
comment on column gilgamesh.timing.id is 'Identity of this statement.';
comment on column gilgamesh.timing.device_id is 'The device whose clock is corrected.';
comment on column gilgamesh.timing.start_offset is 'Seconds to add: 2.078 for a log that starts 2.078 s late.';
comment on column gilgamesh.timing.clock_rate is 'Seconds of the trigger''s clock per second of the device''s clock.';
comment on column gilgamesh.timing.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.timing.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.timing.edit_id is 'The edit that stated it.';
comment on column gilgamesh.timing.closed_by_id is 'The edit that superseded or withdrew it.';

-- The discharges, and the single numbers and words that describe each of them.

create table gilgamesh.program (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  description text not null default '',
  constraint program_name_readable check (name = btrim(name) and length(name) between 1 and 200 and name !~ '[[:cntrl:]]')
);

comment on table gilgamesh.program is 'Experimental programs and campaigns that shots belong to.';
comment on column gilgamesh.program.id is 'Identity of the program.';
comment on column gilgamesh.program.name is 'What people call it; unique.';
comment on column gilgamesh.program.description is 'One sentence for people.';

create table gilgamesh.shot (
  number     bigint primary key,
  started_at timestamptz not null,
  duration   double precision not null default 0,
  program_id bigint references gilgamesh.program,
  status     text not null default 'complete',
  constraint shot_number_not_negative check (number >= 0),
  constraint shot_started_at_finite check (isfinite(started_at)),
  constraint shot_duration_finite check (duration >= 0 and duration < 'infinity'),
  constraint shot_status_known check (status in ('running', 'complete', 'interrupted'))
);

create index shot_started_at_idx on gilgamesh.shot (started_at);
create index shot_program_idx on gilgamesh.shot (program_id);

comment on table gilgamesh.shot is 'One discharge of the testbed. Time zero of its signals is the trigger.';
comment on column gilgamesh.shot.number is 'Shot number.';
comment on column gilgamesh.shot.started_at is 'Instant of the trigger; it decides which wiring and calibrations apply.';
comment on column gilgamesh.shot.duration is 'Length of the record, in seconds.';
comment on column gilgamesh.shot.program_id is 'The program it belongs to.';
comment on column gilgamesh.shot.status is 'running, complete or interrupted.';

create table gilgamesh.attribute (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  kind        text not null,
  unit        text references gilgamesh.unit (symbol),
  rule        text,
  description text not null default '',
  constraint attribute_name_identifier check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(name) <= 100),
  constraint attribute_kind_known check (kind in ('number', 'text', 'boolean')),
  constraint attribute_unit_of_numbers check (unit is null or kind = 'number'),
  constraint attribute_rule_of_numbers check (rule is null or kind = 'number')
);

comment on table gilgamesh.attribute is 'What can be said of a shot in one number or word (0D): Gas, Useful, Comment, MaxH_Pinj …';
comment on column gilgamesh.attribute.id is 'Identity of the attribute.';
comment on column gilgamesh.attribute.name is 'Name, as used in conditions such as Gas == ''Argon''.';
comment on column gilgamesh.attribute.kind is 'number, text or boolean.';
comment on column gilgamesh.attribute.unit is 'Unit of a number.';
comment on column gilgamesh.attribute.rule is 'How it is computed from signals, for example max(IC_Pinj); null when people or files state it.';
comment on column gilgamesh.attribute.description is 'One sentence for people.';

create table gilgamesh.attribute_value (
  id           bigint generated always as identity primary key,
  attribute_id bigint not null references gilgamesh.attribute,
  shot         bigint not null references gilgamesh.shot,
  number       double precision,
  text         text,
  boolean      boolean,
  stale        boolean not null default false,
  recorded     tstzrange not null,
  edit_id      bigint not null references gilgamesh.edit,
  closed_by_id bigint references gilgamesh.edit,
  constraint attribute_value_exactly_one check (num_nonnulls(number, text, boolean) = 1),
  constraint attribute_value_recorded_not_empty check (not isempty(recorded) and not lower_inf(recorded)),
  constraint attribute_value_closed_by_someone check (upper_inf(recorded) = (closed_by_id is null)),
  constraint attribute_value_one_at_a_time exclude using gist (
    int8range(attribute_id, attribute_id, '[]') with &&, int8range(shot, shot, '[]') with &&, recorded with &&)
);

create index attribute_value_shot_idx on gilgamesh.attribute_value (shot, attribute_id);
create index attribute_value_number_idx on gilgamesh.attribute_value (attribute_id, number);

comment on table gilgamesh.attribute_value is 'Values of attributes; a corrected value closes the old one, so the old one can still be read.';
comment on column gilgamesh.attribute_value.id is 'Identity of this statement.';
comment on column gilgamesh.attribute_value.attribute_id is 'The attribute.';
comment on column gilgamesh.attribute_value.shot is 'The shot it describes.';
comment on column gilgamesh.attribute_value.number is 'Value of an attribute of kind number.';
comment on column gilgamesh.attribute_value.text is 'Value of an attribute of kind text.';
comment on column gilgamesh.attribute_value.boolean is 'Value of an attribute of kind boolean.';
comment on column gilgamesh.attribute_value.stale is 'A computed value whose wiring or calibration changed since it was computed.';
comment on column gilgamesh.attribute_value.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.attribute_value.edit_id is 'The edit that stated it.';
comment on column gilgamesh.attribute_value.closed_by_id is 'The edit that superseded or withdrew it.';

-- Stored analyses: what was computed, how, and from what.

create table gilgamesh.run (
  id         bigint generated always as identity primary key,
  method     text not null,
  version    text not null,
  parameters jsonb not null default '{}',
  shot       bigint references gilgamesh.shot,
  known_at   timestamptz not null,
  author     text not null,
  started_at timestamptz not null default now(),
  constraint run_method_readable check (method = btrim(method) and length(method) between 1 and 200 and method !~ '[[:cntrl:]]'),
  constraint run_known_at_finite check (isfinite(known_at))
);

create index run_shot_idx on gilgamesh.run (shot);

comment on table gilgamesh.run is 'One stored analysis of one shot; its outputs are series of processed signals.';
comment on column gilgamesh.run.id is 'Identity of the run.';
comment on column gilgamesh.run.method is 'Name of the method, for example langmuir-sweep.';
comment on column gilgamesh.run.version is 'Version of the method.';
comment on column gilgamesh.run.parameters is 'Every parameter the method was given.';
comment on column gilgamesh.run.shot is 'The shot it analysed.';
comment on column gilgamesh.run.known_at is 'The knowledge of wiring and calibrations it used.';
comment on column gilgamesh.run.author is 'Who ran it.';
comment on column gilgamesh.run.started_at is 'When it was run.';

-- Raw samples, exactly as recorded, and small pictures of them.

create table gilgamesh.source (
  id        bigint generated always as identity primary key,
  name      text not null,
  format    text not null,
  size      bigint not null,
  sha256    bytea not null unique,
  loaded_at timestamptz not null default now(),
  loaded_by text not null default session_user,
  constraint source_size_not_negative check (size >= 0),
  constraint source_sha256_length check (length(sha256) = 32)
);

comment on table gilgamesh.source is 'Files that were loaded. A file is known by the checksum of its content, so it is loaded once.';
comment on column gilgamesh.source.id is 'Identity of the file.';
comment on column gilgamesh.source.name is 'Its name when it was loaded, without the folder.';
comment on column gilgamesh.source.format is 'The format it was read with.';
comment on column gilgamesh.source.size is 'Bytes.';
comment on column gilgamesh.source.sha256 is 'SHA-256 of its content.';
comment on column gilgamesh.source.loaded_at is 'When it was loaded.';
comment on column gilgamesh.source.loaded_by is 'The database role that loaded it.';

create table gilgamesh.series (
  id        bigint generated always as identity primary key,
  shot      bigint not null references gilgamesh.shot,
  port_id   bigint references gilgamesh.port,
  signal_id bigint references gilgamesh.signal,
  run_id    bigint references gilgamesh.run,
  source_id bigint references gilgamesh.source,
  dtype     text not null,
  n         bigint,
  start     double precision,
  dt        double precision,
  segment_n integer not null,
  sha256    bytea,
  unique (shot, id),
  constraint series_from_port_or_run check ((port_id is null) = (run_id is not null) and (run_id is null) = (signal_id is null)),
  constraint series_dtype_known check (dtype in ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'float32', 'float64')),
  constraint series_n_not_negative check (n >= 0),
  constraint series_finished_or_growing check ((n is null) = (sha256 is null)),
  constraint series_uniform_or_irregular check ((start is null) = (dt is null)),
  constraint series_start_finite check (start > '-infinity' and start < 'infinity'),
  constraint series_dt_positive check (dt > 0 and dt < 'infinity'),
  constraint series_segment_n_positive check (segment_n > 0),
  constraint series_sha256_length check (length(sha256) = 32)
);

create unique index series_shot_port_idx on gilgamesh.series (shot, port_id) where port_id is not null;
create unique index series_run_signal_idx on gilgamesh.series (run_id, signal_id) where run_id is not null;
create index series_signal_idx on gilgamesh.series (signal_id, shot) where signal_id is not null;
create index series_port_idx on gilgamesh.series (port_id);
create index series_source_idx on gilgamesh.series (source_id);

comment on table gilgamesh.series is
  'One record of one port in one shot, or one output of a run. Immutable once finished: what may change (wiring, calibration, timing) is kept elsewhere.';
comment on column gilgamesh.series.id is 'Identity of the record.';
comment on column gilgamesh.series.shot is 'The shot it was recorded in.';
comment on column gilgamesh.series.port_id is 'The port that delivered it; null for the output of a run.';
comment on column gilgamesh.series.signal_id is 'The processed signal it holds; null for the record of a port.';
comment on column gilgamesh.series.run_id is 'The run that computed it; null for the record of a port.';
comment on column gilgamesh.series.source_id is 'The file it came from.';
comment on column gilgamesh.series.dtype is 'Type of the samples, as recorded.';
comment on column gilgamesh.series.n is 'Number of samples; null while the record grows.';
comment on column gilgamesh.series.start is 'Time of the first sample on the device''s clock, in seconds from the trigger; null for irregular sampling.';
comment on column gilgamesh.series.dt is 'Sampling interval in seconds; null for irregular sampling.';
comment on column gilgamesh.series.segment_n is 'Number of samples in every segment but the last.';
comment on column gilgamesh.series.sha256 is 'SHA-256 of the raw samples (little-endian); for irregular sampling, of that digest followed by the digest of the times. Null while the record grows.';

create table gilgamesh.segment (
  shot        bigint not null,
  series_id   bigint not null,
  position    integer not null,
  n           integer not null,
  payload     bytea not null,
  times       bytea,
  numbers     integer not null,
  total       double precision not null,
  squares     double precision not null,
  minimum     double precision,
  maximum     double precision,
  primary key (shot, series_id, position),
  -- With the shot, so that removing a series looks into one partition, by its key.
  foreign key (shot, series_id) references gilgamesh.series (shot, id),
  constraint segment_position_not_negative check (position >= 0),
  constraint segment_n_positive check (n > 0),
  constraint segment_numbers_counted check (numbers between 0 and n)
) partition by range (shot);

-- ADC noise does not compress; trying costs four times the ingest.
alter table gilgamesh.segment alter column payload set storage external;
alter table gilgamesh.segment alter column times set storage external;

comment on table gilgamesh.segment is 'Consecutive samples of a series, partitioned by shot. Read them through samples or samples_between.';
comment on column gilgamesh.segment.shot is 'The shot, repeated here because it chooses the partition.';
comment on column gilgamesh.segment.series_id is 'The record it belongs to.';
comment on column gilgamesh.segment.position is 'Segments of a series are numbered from 0; the first sample of a segment is position * segment_n.';
comment on column gilgamesh.segment.n is 'Number of samples.';
comment on column gilgamesh.segment.payload is 'A 20-byte array header followed by the raw little-endian samples.';
comment on column gilgamesh.segment.times is 'The same for the times of irregular sampling, as float64 seconds on the device''s clock.';
comment on column gilgamesh.segment.numbers is 'How many of the samples are numbers, neither NaN nor infinite.';
comment on column gilgamesh.segment.total is 'Sum of the raw samples that are numbers.';
comment on column gilgamesh.segment.squares is 'Sum of their squares.';
comment on column gilgamesh.segment.minimum is 'Smallest raw sample; null when none is a number.';
comment on column gilgamesh.segment.maximum is 'Largest raw sample; null when none is a number.';

create table gilgamesh.pyramid (
  shot      bigint not null,
  series_id bigint not null,
  level     integer not null,
  position  integer not null,
  n         integer not null,
  payload   bytea not null,
  primary key (shot, series_id, level, position),
  foreign key (shot, series_id) references gilgamesh.series (shot, id),
  constraint pyramid_level_known check (level in (64, 4096)),
  constraint pyramid_position_not_negative check (position >= 0),
  constraint pyramid_n_positive check (n > 0)
) partition by range (shot);

alter table gilgamesh.pyramid alter column payload set storage external;

comment on table gilgamesh.pyramid is
  'Minimum and maximum of every 64 and every 4096 raw samples: plots of long records read these. In raw counts, so a recalibration leaves them true.';
comment on column gilgamesh.pyramid.shot is 'The shot, repeated here because it chooses the partition.';
comment on column gilgamesh.pyramid.series_id is 'The record it pictures.';
comment on column gilgamesh.pyramid.level is 'How many samples one pair of minimum and maximum stands for.';
comment on column gilgamesh.pyramid.position is 'Blocks of a level are numbered from 0; every block but the last has 32768 pairs.';
comment on column gilgamesh.pyramid.n is 'Number of pairs.';
comment on column gilgamesh.pyramid.payload is 'A 20-byte array header followed by minimum and maximum in turn, in the type of the samples.';

create table gilgamesh.run_input (
  run_id         bigint not null references gilgamesh.run,
  series_id      bigint not null references gilgamesh.series,
  signal_id      bigint not null references gilgamesh.signal,
  connection_id  bigint references gilgamesh.connection,
  calibrations   bigint[] not null default '{}',
  primary key (run_id, signal_id, series_id)
);

create index run_input_series_idx on gilgamesh.run_input (series_id);

comment on table gilgamesh.run_input is 'What a run read: which records, through which wiring and calibrations.';
comment on column gilgamesh.run_input.run_id is 'The run.';
comment on column gilgamesh.run_input.series_id is 'The record it read.';
comment on column gilgamesh.run_input.signal_id is 'The signal it was read as.';
comment on column gilgamesh.run_input.connection_id is 'The connection that led from the signal to the record.';
comment on column gilgamesh.run_input.calibrations is 'The calibrations that were applied, in order.';

-- Which views, functions and triggers are ours: they are dropped and laid anew at each upgrade, and nothing else is.

create table gilgamesh.laid_object (
  identity text primary key,
  kind     text not null,
  constraint laid_object_kind_known check (kind in ('view', 'function', 'trigger'))
);

comment on table gilgamesh.laid_object is
  'The views, functions and triggers that the software laid. Others in this schema stop an upgrade: keep your own in a schema of yours.';
comment on column gilgamesh.laid_object.identity is 'Its name as pg_identify_object gives it.';
comment on column gilgamesh.laid_object.kind is 'view, function or trigger.';
"""

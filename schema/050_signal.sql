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
  withdrawn_by_id bigint references gilgamesh.edit,
  uncertainty_of bigint references gilgamesh.signal,
  unique (component_id, role),
  constraint signal_name_identifier check (name ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(name) <= 100),
  constraint signal_kind_known check (kind in ('measured', 'derived', 'processed')),
  constraint signal_role_identifier check (role ~ '^[A-Za-z_][A-Za-z0-9_]*$' and length(role) <= 100),
  constraint signal_role_of_component check (role is null or component_id is not null),
  constraint signal_plausible_range_ordered check (low < high),
  constraint signal_uncertainty_computed check (uncertainty_of is null or kind = 'processed')
);

create unique index signal_uncertainty_idx on gilgamesh.signal (uncertainty_of) where uncertainty_of is not null;

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
comment on column gilgamesh.signal.withdrawn_by_id is 'The edit that took the name back; null while it is in use.';
comment on column gilgamesh.signal.uncertainty_of is 'The processed signal whose standard uncertainty this one holds.';

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

-- What the computed values of attributes were computed from.

create table gilgamesh.attribute_input (
  value_id       bigint not null references gilgamesh.attribute_value on delete cascade,
  series_id      bigint references gilgamesh.series,
  signal_id      bigint not null references gilgamesh.signal,
  connection_id  bigint references gilgamesh.connection,
  calibrations   bigint[] not null default '{}',
  timing_id      bigint references gilgamesh.timing,
  definition_id  bigint references gilgamesh.definition,
  shot           bigint not null references gilgamesh.shot,
  primary key (value_id, signal_id, shot),
  constraint attribute_input_record_or_formula check (num_nonnulls(series_id, definition_id) = 1)
);

create index attribute_input_series_idx on gilgamesh.attribute_input (series_id);
create index attribute_input_signal_idx on gilgamesh.attribute_input (signal_id, shot);

comment on table gilgamesh.attribute_input is 'What a computed value of an attribute was computed from: records, wiring, calibrations and formulas, as in run_input.';
comment on column gilgamesh.attribute_input.value_id is 'The value.';
comment on column gilgamesh.attribute_input.series_id is 'The record that was read; null for the formula of a derived signal.';
comment on column gilgamesh.attribute_input.signal_id is 'The signal it was read as.';
comment on column gilgamesh.attribute_input.connection_id is 'The connection that led from the signal to the record; null for the output of a run.';
comment on column gilgamesh.attribute_input.calibrations is 'The calibrations that were applied, in order.';
comment on column gilgamesh.attribute_input.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.attribute_input.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.attribute_input.shot is 'The shot it was read in.';

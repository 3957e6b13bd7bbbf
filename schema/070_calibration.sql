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
  fit          jsonb,
  constraint calibration_fit_object check (jsonb_typeof(fit) = 'object'),
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
create index calibration_recorded_idx on gilgamesh.calibration ((lower(recorded)), id);

comment on table gilgamesh.calibration is
  'How a physical item (port, divider, shunt, detector …) turns its input into its output. It belongs to the item and moves with it.';
comment on column gilgamesh.calibration.id is 'Identity of this statement.';
comment on column gilgamesh.calibration.component_id is 'The calibrated item.';
comment on column gilgamesh.calibration.steps is 'Steps out of a closed, versioned set, applied in order; never code.';
comment on column gilgamesh.calibration.input_unit is 'Unit of what goes in.';
comment on column gilgamesh.calibration.output_unit is 'Unit of what comes out.';
comment on column gilgamesh.calibration.gain is 'output = gain * input + offset, where all steps together are a straight line; null otherwise.';
comment on column gilgamesh.calibration."offset" is 'See gain.';
comment on column gilgamesh.calibration.covariance is 'Covariance matrix of the parameters of the steps, one step after another, or a list of their variances; null where it is not known.';
comment on column gilgamesh.calibration.source is 'Where the numbers come from: bibliography key, notebook, data sheet.';
comment on column gilgamesh.calibration.quality is 'How far to trust it, in the author''s words.';
comment on column gilgamesh.calibration.valid is 'When it was true at the testbed, half-open.';
comment on column gilgamesh.calibration.recorded is 'When the database knew it, half-open; open while it is believed.';
comment on column gilgamesh.calibration.edit_id is 'The edit that stated it.';
comment on column gilgamesh.calibration.closed_by_id is 'The edit that superseded or withdrew it.';
comment on column gilgamesh.calibration.fit is 'The measured points the numbers were fitted to, and how; null where they were not.';

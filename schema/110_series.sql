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
  series_id      bigint references gilgamesh.series,
  signal_id      bigint not null references gilgamesh.signal,
  connection_id  bigint references gilgamesh.connection,
  calibrations   bigint[] not null default '{}',
  timing_id      bigint references gilgamesh.timing,
  definition_id  bigint references gilgamesh.definition,
  shot           bigint not null references gilgamesh.shot,
  primary key (run_id, signal_id, shot),
  constraint run_input_record_or_formula check (num_nonnulls(series_id, definition_id) = 1)
);

create index run_input_series_idx on gilgamesh.run_input (series_id);
create index run_input_signal_idx on gilgamesh.run_input (signal_id, shot);

comment on table gilgamesh.run_input is
  'What a run read: which records, through which wiring and calibrations. A derived signal has a row with its formula, and one for each signal its formula names.';
comment on column gilgamesh.run_input.run_id is 'The run.';
comment on column gilgamesh.run_input.series_id is 'The record it read; null for the formula of a derived signal.';
comment on column gilgamesh.run_input.signal_id is 'The signal it was read as.';
comment on column gilgamesh.run_input.connection_id is 'The connection that led from the signal to the record; null for the output of another run.';
comment on column gilgamesh.run_input.calibrations is 'The calibrations that were applied, in order.';
comment on column gilgamesh.run_input.timing_id is 'The timing that corrected the clock, if one did.';
comment on column gilgamesh.run_input.definition_id is 'The formula of a derived signal.';
comment on column gilgamesh.run_input.shot is 'The shot it was read in.';

-- Slow control: samples that come day and night, whether there is a shot or not.

create table gilgamesh.stream (
  port_id         bigint primary key references gilgamesh.port,
  dtype           text not null,
  pause           double precision,
  keep            interval,
  keep_aggregates interval,
  compacted_until timestamptz,
  released_until  timestamptz,
  aggregates_released_until timestamptz,
  edit_id         bigint not null references gilgamesh.edit,
  constraint stream_dtype_known check (dtype in ('bool', 'int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'float32', 'float64')),
  constraint stream_pause_positive check (pause > 0 and pause < 'infinity'),
  constraint stream_keep_positive check (keep > interval '0'),
  constraint stream_aggregates_kept_longer check (keep_aggregates >= keep)
);

comment on table gilgamesh.stream is
  'A port that delivers samples day and night, apart from shots. Their wiring and calibrations are looked up at the time of each sample.';
comment on column gilgamesh.stream.port_id is 'The port.';
comment on column gilgamesh.stream.dtype is 'Type of the raw samples, as delivered.';
comment on column gilgamesh.stream.pause is 'Longest pause between two samples that is expected, in seconds; a longer one is a gap. Null: any pause is.';
comment on column gilgamesh.stream.keep is 'How long samples are kept; null: for ever.';
comment on column gilgamesh.stream.keep_aggregates is 'How long aggregates are kept; null: for ever.';
comment on column gilgamesh.stream.compacted_until is 'No sample from this instant on was moved out of the tail; null: none was moved at all.';
comment on column gilgamesh.stream.released_until is 'Samples before this instant were released; null: none were.';
comment on column gilgamesh.stream.aggregates_released_until is 'Aggregates before this instant were released; null: none were.';
comment on column gilgamesh.stream.edit_id is 'The edit that opened it.';

-- No foreign key: store_samples, the only way in, looks the streams up once per batch instead of once per sample.
create table gilgamesh.stream_tail (
  port_id bigint not null,
  at      timestamptz not null,
  raw     double precision not null,
  primary key (port_id, at),
  constraint stream_tail_at_finite check (isfinite(at))
);

comment on table gilgamesh.stream_tail is 'The latest samples of all streams, and late ones, a row each, until they are moved into segments.';
comment on column gilgamesh.stream_tail.port_id is 'The stream.';
comment on column gilgamesh.stream_tail.at is 'Instant of the sample, to the microsecond. The same sample twice is one sample.';
comment on column gilgamesh.stream_tail.raw is 'The raw sample.';

create table gilgamesh.stream_segment (
  port_id bigint not null references gilgamesh.stream,
  hour    timestamptz not null,
  n       integer not null,
  payload bytea not null,
  times   bytea not null,
  last_at timestamptz not null,
  last    double precision not null,
  primary key (port_id, hour),
  constraint stream_segment_n_positive check (n > 0),
  constraint stream_segment_ends_within check (last_at >= hour and last_at < hour + interval '1 hour')
) partition by range (hour);

alter table gilgamesh.stream_segment alter column payload set storage external;
alter table gilgamesh.stream_segment alter column times set storage external;

comment on table gilgamesh.stream_segment is 'The samples of one stream in one hour of UTC, in order of time; partitioned by month. Read them through slow_samples.';
comment on column gilgamesh.stream_segment.port_id is 'The stream.';
comment on column gilgamesh.stream_segment.hour is 'Begin of the hour.';
comment on column gilgamesh.stream_segment.n is 'Number of samples.';
comment on column gilgamesh.stream_segment.payload is 'A 20-byte array header followed by the raw little-endian samples.';
comment on column gilgamesh.stream_segment.times is 'The same for their instants, as uint32 microseconds from the begin of the hour.';
comment on column gilgamesh.stream_segment.last_at is 'Instant of the last sample.';
comment on column gilgamesh.stream_segment.last is 'The last raw sample.';

create table gilgamesh.stream_aggregate (
  port_id  bigint not null references gilgamesh.stream,
  width    integer not null,
  since    timestamptz not null,
  counts   bytea not null,
  totals   bytea not null,
  extremes bytea not null,
  latest   bytea not null,
  primary key (port_id, width, since),
  constraint stream_aggregate_width_known check (width in (1, 60, 3600, 86400))
) partition by range (since);

alter table gilgamesh.stream_aggregate alter column counts set storage external;
alter table gilgamesh.stream_aggregate alter column totals set storage external;
alter table gilgamesh.stream_aggregate alter column extremes set storage external;
alter table gilgamesh.stream_aggregate alter column latest set storage external;

comment on table gilgamesh.stream_aggregate is
  'Number, sum, minimum, maximum and last of the samples in every second, minute, hour and day of UTC, as far as they are in segments. In raw counts, so a recalibration leaves them true. Partitioned by month.';
comment on column gilgamesh.stream_aggregate.port_id is 'The stream.';
comment on column gilgamesh.stream_aggregate.width is 'Seconds of one aggregate. Those of a second are kept only where they are fewer than the samples.';
comment on column gilgamesh.stream_aggregate.since is 'Begin of the block: an hour of seconds, a day of minutes, a month of hours or of days.';
comment on column gilgamesh.stream_aggregate.counts is 'A payload of int32: how many samples are numbers, neither NaN nor infinite.';
comment on column gilgamesh.stream_aggregate.totals is 'A payload of float64: the sum of the raw samples that are numbers.';
comment on column gilgamesh.stream_aggregate.extremes is
  'A payload in the type of the samples: minimum, maximum and last in turn; 0 where there is no number.';
comment on column gilgamesh.stream_aggregate.latest is
  'A payload of when the last one came, in microseconds from the begin of its interval: uint32, float64 for days.';

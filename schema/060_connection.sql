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
-- What was stated at this instant? An edit is judged as a whole when it commits.
create index connection_recorded_idx on gilgamesh.connection ((lower(recorded)), id);

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

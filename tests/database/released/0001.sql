-- A database as the software of revision 0001 left it: a probe current moved, a calibration corrected, two shots, a run.
-- Frozen: it names every column it writes, and is never changed when the tables are.

insert into gilgamesh.edit (recorded_at, author, reason, role) values
  ('2025-01-20 09:00+00', 'anna', 'the testbed as built', 'owner'),
  ('2025-02-10 18:00+00', 'roman', 'crosstalk: probe current moved to ai2', 'owner'),
  ('2025-03-01 12:00+00', 'ilya', 'shunt measured: 1 % more than its label', 'owner'),
  ('2025-03-02 12:00+00', 'anna', 'logbook', 'owner');

insert into gilgamesh.component (name, class, serial, description) values
  ('testbed', 'Testbed', null, 'the root'), ('DAQ', 'Digitiser', 'D-1', ''), ('shunt1', 'Shunt', 'SH-1', '100 Ω'),
  ('DAQ/ai1', 'Port', null, ''), ('DAQ/ai2', 'Port', null, '');
insert into gilgamesh.placement (component_id, parent_id, valid, recorded, edit_id) values
  (1, null, tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1),
  (2, 1, tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1),
  (3, 1, tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1),
  (4, 2, tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1),
  (5, 2, tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1);
insert into gilgamesh.property (component_id, name, value, unit, valid, recorded, edit_id) values
  (3, 'resistance', '100.0', 'Ohm', tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1);
insert into gilgamesh.port (component_id, device_id, channel, dtype, unit, low, high) values
  (4, 2, 'ai1', 'int16', 'ct', -10, 10), (5, 2, 'ai2', 'int16', 'ct', -10, 10);
insert into gilgamesh.signal (name, kind, unit, quantity, component_id, role, label, low, high) values
  ('Lang_I', 'measured', 'A', 'electric current', 3, 'current', 'Probe current', -1, 1),
  ('Lang_dens', 'processed', '1 / m3', 'density', null, null, '', null, null),
  ('Twice', 'derived', 'A', '', null, null, '', null, null);
insert into gilgamesh.alias (name, signal_id) values ('Langmuir_I', 1);
insert into gilgamesh.definition (signal_id, formula, valid, recorded, edit_id) values
  (3, '2 * Lang_I', tstzrange(null, null), tstzrange('2025-01-20 09:00+00', null), 1);

-- Lang_I was on ai1; since 10 February it is on ai2. What was believed before is closed, what remains of it was stated again.
insert into gilgamesh.connection (signal_id, port_id, chain, valid, recorded, edit_id, closed_by_id) values
  (1, 4, '{3}', tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', '2025-02-10 18:00+00'), 1, 2),
  (1, 4, '{3}', tstzrange('2025-01-20 08:00+00', '2025-02-10 08:00+00'), tstzrange('2025-02-10 18:00+00', null), 1, null),
  (1, 5, '{3}', tstzrange('2025-02-10 08:00+00', null), tstzrange('2025-02-10 18:00+00', null), 2, null);
insert into gilgamesh.calibration (component_id, steps, input_unit, output_unit, gain, "offset", source, valid, recorded, edit_id, closed_by_id) values
  (4, '[{"function": "polynomial", "version": 1, "coefficients": [0.0, 0.001]}]', 'ct', 'V', 0.001, 0, null,
   tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1, null),
  (5, '[{"function": "polynomial", "version": 1, "coefficients": [0.0, 0.001]}]', 'ct', 'V', 0.001, 0, null,
   tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', null), 1, null),
  (3, '[{"function": "polynomial", "version": 1, "coefficients": [0.0, -0.01]}]', 'V', 'A', -0.01, 0, 'label',
   tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-01-20 09:00+00', '2025-03-01 12:00+00'), 1, 3),
  (3, '[{"function": "polynomial", "version": 1, "coefficients": [0.0, -0.0101]}]', 'V', 'A', -0.0101, 0, 'bench',
   tstzrange('2025-01-20 08:00+00', null), tstzrange('2025-03-01 12:00+00', null), 3, null);
insert into gilgamesh.timing (device_id, start_offset, clock_rate, valid, recorded, edit_id) values
  (2, 0.5, 1, tstzrange('2025-02-15 00:00+00', null), tstzrange('2025-03-01 12:00+00', null), 3);

insert into gilgamesh.program (name) values ('Power scan');
insert into gilgamesh.shot (number, started_at, duration, program_id) values
  (838, '2025-02-03 08:32:02+00', 2, 1), (900, '2025-02-20 10:00:00+00', 2, 1);
insert into gilgamesh.attribute (name, kind, unit) values ('Gas', 'text', null), ('Pressure', 'number', 'mbar');
insert into gilgamesh.attribute_value (attribute_id, shot, number, text, recorded, edit_id, closed_by_id) values
  (1, 838, null, 'Helium', tstzrange('2025-03-01 12:00+00', '2025-03-02 12:00+00'), 3, 4),
  (1, 838, null, 'Argon', tstzrange('2025-03-02 12:00+00', null), 4, null),
  (2, 838, 1e-4, null, tstzrange('2025-03-02 12:00+00', null), 4, null);

insert into gilgamesh.source (name, format, size, sha256) values ('shot_838.h5', 'testbed-hdf5', 30, sha256('shot_838'));
create table gilgamesh.segment_000500 partition of gilgamesh.segment for values from (500) to (1000);
create table gilgamesh.pyramid_000500 partition of gilgamesh.pyramid for values from (500) to (1000);
insert into gilgamesh.run (method, version, shot, known_at, author) values ('density', '1.0', 838, '2025-03-02 12:00+00', 'anna');
insert into gilgamesh.series (shot, port_id, signal_id, run_id, source_id, dtype, n, start, dt, segment_n, sha256) values
  (838, 4, null, null, 1, 'int16', 5, 0, 0.001, 32768, '\xc7e54823ed3c47d2ea73464f195572ac9b7941435c39b3545750f6af1c7e15b9'),
  (900, 5, null, null, null, 'int16', 5, 0, 0.001, 32768, '\xc7e54823ed3c47d2ea73464f195572ac9b7941435c39b3545750f6af1c7e15b9'),
  (838, null, 2, 1, null, 'float64', 3, 0, 0.001, 32768, '\x857acefbf6c9c17b5dafec986b9b9295faa428f867671bd222d89eb83ae87962');
insert into gilgamesh.segment (shot, series_id, position, n, payload, numbers, total, squares, minimum, maximum) values
  (838, 1, 0, 5, '\x01000000000000001500000005000000010000000000e803d00718fcb80b', 5, 5000, 15000000, -1000, 3000),
  (900, 2, 0, 5, '\x01000000000000001500000005000000010000000000e803d00718fcb80b', 5, 5000, 15000000, -1000, 3000),
  (838, 3, 0, 3, '\x0100000000000000bd02000003000000010000000080e03779c341430080e03779c3514300c0d0d335a55a43', 3, 6e16, 1.4e33, 1e16, 3e16);
insert into gilgamesh.run_input (run_id, series_id, signal_id, connection_id, calibrations) values (1, 1, 1, 2, '{1,4}');

-- Views and functions the software of that time laid and a later one may have no more.
create view gilgamesh.of_that_time as select name from gilgamesh.signal;
create function gilgamesh.of_that_time(text) returns text language sql as $$ select $1 $$;
insert into gilgamesh.laid_object (kind, identity) values
  ('view', 'gilgamesh.of_that_time'), ('function', 'gilgamesh.of_that_time(pg_catalog.text)');

-- Where samples come from: the input channels of the data acquisition devices.

create table gilgamesh.port (
  component_id bigint primary key references gilgamesh.component,
  device_id    bigint not null references gilgamesh.component,
  channel      text not null,
  dtype        text not null,
  unit         text not null default 'ct' references gilgamesh.unit (symbol),
  low          double precision,
  high         double precision,
  resolution   double precision,
  noise        double precision,
  unique (device_id, channel),
  constraint port_not_its_own_device check (device_id <> component_id),
  constraint port_channel_readable check (channel = btrim(channel) and length(channel) between 1 and 100 and channel !~ '[[:cntrl:]]'),
  constraint port_dtype_known check (dtype in ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'float32', 'float64')),
  constraint port_range_ordered check (low < high),
  constraint port_resolution_not_negative check (resolution = 0 or resolution between 1e-100 and 1e100),
  constraint port_noise_not_negative check (noise = 0 or noise between 1e-100 and 1e100)
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
comment on column gilgamesh.port.resolution is 'Smallest step of the raw samples, in their unit; null: 1 for whole numbers, unknown for others.';
comment on column gilgamesh.port.noise is 'Standard deviation of a raw sample at a constant input, rounding aside; null where it was not measured.';

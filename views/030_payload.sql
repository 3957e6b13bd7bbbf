-- From stored bytes to numbers. A payload is a 20-byte array header and the raw little-endian samples.

-- How many bytes does a sample of this type take?
create function gilgamesh.sample_width(dtype text) returns integer
  language sql immutable strict parallel safe
return case dtype when 'bool' then 1 when 'int8' then 1 when 'uint8' then 1 when 'int16' then 2 when 'uint16' then 2
                  when 'int32' then 4 when 'uint32' then 4 when 'float32' then 4 when 'int64' then 8 when 'float64' then 8 end;

-- Which header must a payload of n samples of this type begin with? (dimensions 1, no nulls, element type, n, lower bound 1)
create function gilgamesh.payload_header(dtype text, n integer) returns bytea
  language sql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
return '\x0100000000000000'::bytea
    || case dtype when 'bool' then '\x10000000' when 'int8' then '\x12000000' when 'uint8' then '\x12000000'
                  when 'int16' then '\x15000000' when 'uint16' then '\x15000000'
                  when 'int32' then '\x17000000' when 'uint32' then '\x17000000'
                  when 'int64' then '\x14000000' when 'float32' then '\xbc020000' when 'float64' then '\xbd020000' end::bytea
    || pg_catalog.set_byte(pg_catalog.set_byte(pg_catalog.set_byte(pg_catalog.set_byte('\x00000000'::bytea,
         0, n & 255), 1, (n >> 8) & 255), 2, (n >> 16) & 255), 3, (n >> 24) & 255)
    || '\x01000000'::bytea;

-- Which numbers are these raw little-endian bytes? (| & and << have one precedence here: every shift is parenthesised.)
-- int64 beyond 2^53 is rounded to the nearest float8.
create function gilgamesh.decode_portable(bytes bytea, dtype text) returns double precision[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  width integer := sample_width(dtype);
  stop integer := length(bytes) - width;
begin
  if width is null or length(bytes) % width <> 0 then
    raise exception using errcode = 'GG012', message = format('%s bytes are no whole number of samples of type %s', length(bytes), dtype);
  end if;
  case dtype
    when 'int8' then
      return array(select ((get_byte(bytes, i) # 128) - 128)::float8 from generate_series(0, stop) i);
    when 'uint8', 'bool' then
      return array(select get_byte(bytes, i)::float8 from generate_series(0, stop) i);
    when 'int16' then
      return array(select (((get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8)) # 32768) - 32768)::float8
                     from generate_series(0, stop, 2) i);
    when 'uint16' then
      return array(select (get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8))::float8 from generate_series(0, stop, 2) i);
    when 'int32' then
      return array(select (get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8) | (get_byte(bytes, i + 2) << 16) | (get_byte(bytes, i + 3) << 24))::float8
                     from generate_series(0, stop, 4) i);
    when 'uint32' then
      return array(select ((get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8) | (get_byte(bytes, i + 2) << 16) | (get_byte(bytes, i + 3) << 24))::bigint & 4294967295)::float8
                     from generate_series(0, stop, 4) i);
    when 'int64' then
      return array(select (((get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8) | (get_byte(bytes, i + 2) << 16) | (get_byte(bytes, i + 3) << 24))::bigint & 4294967295)
                        | ((get_byte(bytes, i + 4) | (get_byte(bytes, i + 5) << 8) | (get_byte(bytes, i + 6) << 16) | (get_byte(bytes, i + 7) << 24))::bigint << 32))::float8
                     from generate_series(0, stop, 8) i);
    when 'float32' then
      -- sign, exponent, fraction: every step is exact in float8.
      return array(select case when exponent = 255 and fraction > 0 then 'NaN'::float8
                               when exponent = 255 then sign * 'infinity'::float8
                               when exponent = 0 then sign * (fraction * 2::float8 ^ -149)
                               else sign * ((fraction + 8388608) * 2::float8 ^ (exponent - 150)) end
                     from (select case when get_byte(bytes, i + 3) > 127 then -1::float8 else 1::float8 end as sign,
                                  ((get_byte(bytes, i + 3) & 127) << 1) | (get_byte(bytes, i + 2) >> 7) as exponent,
                                  get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8) | ((get_byte(bytes, i + 2) & 127) << 16) as fraction
                             from generate_series(0, stop, 4) i) bits);
    when 'float64' then
      return array(select case when exponent = 2047 and fraction > 0 then 'NaN'::float8
                               when exponent = 2047 then sign * 'infinity'::float8
                               when exponent = 0 then sign * (case when fraction > 0 then fraction * 4.9406564584124654e-324::float8 else 0 end)
                               when exponent < 54 then sign * ((fraction + 4503599627370496) * 2::float8 ^ (exponent + 125) * 2::float8 ^ -1000 * 2::float8 ^ -200)
                               else sign * ((fraction + 4503599627370496) * 2::float8 ^ (exponent - 1075)) end
                     from (select case when get_byte(bytes, i + 7) > 127 then -1::float8 else 1::float8 end as sign,
                                  ((get_byte(bytes, i + 7) & 127) << 4) | (get_byte(bytes, i + 6) >> 4) as exponent,
                                  (get_byte(bytes, i) | (get_byte(bytes, i + 1) << 8) | (get_byte(bytes, i + 2) << 16))::bigint
                                  | ((get_byte(bytes, i + 3) | (get_byte(bytes, i + 4) << 8) | (get_byte(bytes, i + 5) << 16))::bigint << 24)
                                  | ((get_byte(bytes, i + 6) & 15)::bigint << 48) as fraction
                             from generate_series(0, stop, 8) i) bits);
  end case;
end
$$;

-- Is this a whole payload of n samples of this type, header and length?
create function gilgamesh.check_payload(payload bytea, dtype text, n integer) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if length(payload) is distinct from 20 + n * sample_width(dtype)
     or substring(payload for 20) is distinct from payload_header(dtype, n) then
    raise exception using errcode = 'GG012',
      message = format('a payload of %s bytes does not hold %s samples of type %s', length(payload), n, dtype),
      hint = 'Stored samples were damaged. Check them with: gilgamesh db check --samples';
  end if;
end
$$;

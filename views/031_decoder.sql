-- Two bodies of one function: which numbers does this payload hold?
--
--   fast      a payload is what PostgreSQL holds in memory as an array, so a superuser may have it read as one:
--             the built-in byteasend, which copies its argument, is bound as a function from bytea to arrays.
--             Five times faster. Memory-unsafe for bytes that are no array: only decode_payload, which checks header,
--             element type and length first, may reach it, and nobody else may execute it.
--   portable  bytes put together by arithmetic, for any owner.
--
-- The fast body is laid where the owner is a superuser and the server little-endian. To do without it:
--   alter database ... set gilgamesh.decoder = 'portable';   and then: gilgamesh db upgrade
-- docs/decisions/0006-two-decoders.md weighs the risk.

do $body$
declare
  fast boolean := (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
                  and pg_catalog.current_setting('gilgamesh.decoder', true) is distinct from 'portable';
  element text;
begin
  if fast then
    foreach element in array array['int2', 'int4', 'int8', 'float4', 'float8', '"char"'] loop
      execute pg_catalog.format(
        'create function gilgamesh.%I(payload bytea) returns %s[] language internal immutable strict parallel safe as $$byteasend$$',
        'unchecked_' || pg_catalog.btrim(element, '"'), element);
      execute pg_catalog.format('revoke all on function gilgamesh.%I(bytea) from public', 'unchecked_' || pg_catalog.btrim(element, '"'));
    end loop;
    -- A big-endian server would read the bytes the other way round.
    fast := gilgamesh.unchecked_int2(gilgamesh.payload_header('int16', 1) || '\x0100'::bytea) = array[1::smallint];
  end if;

  if fast then
    create function gilgamesh.decode_payload(payload bytea, dtype text, n integer) returns double precision[]
      language plpgsql immutable strict parallel safe security definer
      set search_path = pg_catalog, gilgamesh, pg_temp
    as $$
    begin
      perform check_payload(payload, dtype, n);
      return case dtype
        when 'int16' then unchecked_int2(payload)::float8[]
        when 'int32' then unchecked_int4(payload)::float8[]
        when 'int64' then unchecked_int8(payload)::float8[]
        when 'float32' then unchecked_float4(payload)::float8[]
        when 'float64' then unchecked_float8(payload)
        when 'int8' then unchecked_char(payload)::integer[]::float8[]
        when 'uint16' then array(select (x::integer & 65535)::float8 from unnest(unchecked_int2(payload)) x)
        when 'uint32' then array(select (x::bigint & 4294967295)::float8 from unnest(unchecked_int4(payload)) x)
        else array(select (x::integer & 255)::float8 from unnest(unchecked_char(payload)) x)
      end;
    end
    $$;
  else
    create function gilgamesh.decode_payload(payload bytea, dtype text, n integer) returns double precision[]
      language plpgsql immutable strict parallel safe
      set search_path = pg_catalog, gilgamesh, pg_temp
    as $$
    begin
      perform check_payload(payload, dtype, n);
      return decode_portable(substring(payload from 21), dtype);
    end
    $$;
  end if;
end
$body$;

-- Which numbers are these raw samples, cut out of a payload?
create function gilgamesh.decode_bytes(bytes bytea, dtype text, n integer) returns double precision[]
  language sql immutable strict parallel safe
return gilgamesh.decode_payload(gilgamesh.payload_header(dtype, n) || bytes, dtype, n);

-- From numbers to stored bytes: the inverse of decode_payload, likewise with two bodies.
--
-- fast      what PostgreSQL holds in memory as an array without nulls is a payload. Reading it as bytes is safe whatever
--           it holds; it is laid where the fast decoder is, and revoked like it.
-- portable  bytes turned round one by one, for any owner.

do $body$
declare
  fast boolean := to_regprocedure('gilgamesh.unchecked_int2(bytea)') is not null
                  and position('unchecked_' in pg_catalog.pg_get_functiondef('gilgamesh.decode_payload(bytea, text, integer)'::regprocedure)) > 0;
  element text;
begin
  if fast then
    foreach element in array array['int2', 'int4', 'int8', 'float4', 'float8', '"char"', 'bool'] loop
      execute pg_catalog.format(
        'create function gilgamesh.unchecked_bytes(numbers %s[]) returns bytea language internal immutable strict parallel safe as $$byteasend$$',
        element);
      execute pg_catalog.format('revoke all on function gilgamesh.unchecked_bytes(%s[]) from public', element);
    end loop;

    create function gilgamesh.encode_payload(numbers double precision[], dtype text) returns bytea
      language plpgsql immutable strict parallel safe security definer
      set search_path = pg_catalog, gilgamesh, pg_temp
    as $$
    declare
      payload bytea;
    begin
      payload := case dtype
        when 'int16' then unchecked_bytes(numbers::int2[])
        when 'int32' then unchecked_bytes(numbers::int4[])
        when 'int64' then unchecked_bytes(numbers::int8[])
        when 'float32' then unchecked_bytes(numbers::float4[])
        when 'float64' then unchecked_bytes(numbers)
        when 'uint16' then unchecked_bytes(array(select (case when x > 32767 then x - 65536 else x end)::int2 from unnest(numbers) x))
        when 'uint32' then unchecked_bytes(array(select (case when x > 2147483647 then x - 4294967296 else x end)::int4 from unnest(numbers) x))
        when 'bool' then unchecked_bytes(array(select x <> 0 from unnest(numbers) x))
        when 'uint8' then unchecked_bytes(array(select (case when x > 127 then x - 256 else x end)::int4::"char" from unnest(numbers) x))
        else unchecked_bytes(array(select x::int4::"char" from unnest(numbers) x))
      end;
      perform check_payload(payload, dtype, cardinality(numbers));
      return payload;
    end
    $$;
  else
    create function gilgamesh.encode_payload(numbers double precision[], dtype text) returns bytea
      language plpgsql immutable strict parallel safe
      set search_path = pg_catalog, gilgamesh, pg_temp
    as $$
    declare
      payload bytea;
    begin
      select payload_header(dtype, cardinality(numbers))
             || string_agg(case sample_width(dtype)
                             when 1 then x.sent
                             when 2 then substring(x.sent from 2 for 1) || substring(x.sent for 1)
                             when 4 then substring(x.sent from 4 for 1) || substring(x.sent from 3 for 1)
                                         || substring(x.sent from 2 for 1) || substring(x.sent for 1)
                             else substring(x.sent from 8 for 1) || substring(x.sent from 7 for 1) || substring(x.sent from 6 for 1)
                                  || substring(x.sent from 5 for 1) || substring(x.sent from 4 for 1) || substring(x.sent from 3 for 1)
                                  || substring(x.sent from 2 for 1) || substring(x.sent for 1) end, '' order by x.pos)
        into payload
        from (select u.pos,
                     case dtype
                       when 'int16' then int2send(u.x::int2)
                       when 'int32' then int4send(u.x::int4)
                       when 'int64' then int8send(u.x::int8)
                       when 'float32' then float4send(u.x::float4)
                       when 'float64' then float8send(u.x)
                       when 'uint16' then substring(int4send(u.x::int4) from 3)
                       when 'uint32' then substring(int8send(u.x::int8) from 5)
                       when 'bool' then case when u.x <> 0 then '\x01'::bytea else '\x00'::bytea end
                       else substring(int4send(u.x::int4) from 4) end as sent
                from unnest(numbers) with ordinality u(x, pos)) x;
      perform check_payload(payload, dtype, cardinality(numbers));
      return payload;
    end
    $$;
  end if;
end
$body$;

-- Calibration steps as one readable formula: the twin of gilgamesh_db.calibration.formula.

-- A number with six digits and a proper minus.
create function gilgamesh.shown_number(x double precision) returns text
  language sql immutable strict parallel safe
as $$ select case when x < 0 then '−' else '' end || gilgamesh.short_number(abs(x)) $$;

-- Coefficients and variables as a sum: 2·x² − x + 1.
create function gilgamesh.shown_sum(coefficients double precision[], variables text[]) returns text
  language sql immutable strict parallel safe
as $$
  select coalesce(string_agg(
           case when n = first then case when c < 0 then '−' else '' end
                else case when c < 0 then ' − ' else ' + ' end end
           || case when v = '' then size when size = '1' then v else size || '·' || v end, '' order by n), '0')
    from (select c, v, n, gilgamesh.short_number(abs(c)) as size, min(n) over () as first
            from unnest(coefficients, variables) with ordinality as terms(c, v, n) where c <> 0) terms
$$;

-- How are these steps written as one formula of x?
create function gilgamesh.formula(steps jsonb) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  text text := 'x';
  grouped text;
  step jsonb;
  list jsonb;
  n integer;
begin
  for step in select value from jsonb_array_elements(steps) loop
    grouped := case text when 'x' then text else '(' || text || ')' end;
    case step ->> 'function'
      when 'polynomial' then
        n := jsonb_array_length(step -> 'coefficients');
        if n > 4 then
          text := format('polynomial of degree %s in %s', n - 1, grouped);
        else
          text := shown_sum(
            array(select c::float8 from jsonb_array_elements_text(step -> 'coefficients') with ordinality l(c, k) order by k desc),
            (array[grouped || '³', grouped || '²', grouped, ''])[5 - n :]);
        end if;
      when 'piecewise_polynomial' then
        list := step -> 'edges';
        n := jsonb_array_length(step -> 'coefficients');
        text := format('piecewise(%s; %s polynomial%s from %s to %s)', text, n, case when n > 1 then 's' else '' end,
                       shown_number((list ->> 0)::float8), shown_number((list ->> -1)::float8));
      when 'table' then
        list := step -> 'x';
        text := format('table(%s; %s points from %s to %s)', text, jsonb_array_length(list),
                       shown_number((list ->> 0)::float8), shown_number((list ->> -1)::float8));
      when 'power_of_ten' then
        text := '10^' || grouped;
      when 'exponential' then
        text := format('exp(%s)', text);
      when 'logarithm' then
        text := format('%s(%s)', case step ->> 'base' when 'e' then 'ln' when '2' then 'log2' else 'log10' end, text);
      when 'power_law' then
        text := shown_sum(array[(step ->> 'coefficient')::float8],
                          array[format('%s^%s', grouped, shown_number((step ->> 'exponent')::float8))]);
    end case;
  end loop;
  return text;
end
$$;

comment on function gilgamesh.formula(jsonb) is 'Calibration steps as one readable formula of x, numbers rounded to six digits.';

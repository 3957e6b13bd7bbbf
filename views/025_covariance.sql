-- How well the parameters of a calibration are known: the twin of gilgamesh_db/calibration/covariance.py.


-- How many parameters do the steps have, in the order in which a covariance counts them?
create function gilgamesh.parameter_count(step jsonb) returns integer
  language sql immutable strict parallel safe
as $$
  select case step ->> 'function'
    when 'polynomial' then jsonb_array_length(step -> 'coefficients')
    when 'piecewise_polynomial' then (select sum(jsonb_array_length(piece))::integer
                                        from jsonb_array_elements(step -> 'coefficients') as pieces(piece))
    when 'table' then jsonb_array_length(step -> 'y')
    when 'power_law' then 2
    else 0 end
$$;

-- Which independent causes of uncertainty does a covariance have? One row per cause: by how much one standard deviation
-- of it moves each parameter. (Cholesky's decomposition of the correlations; a column whose pivot vanishes is left out.)
create function gilgamesh.covariance_factor(covariance double precision[]) returns double precision[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  p constant integer := array_length(covariance, 1);
  least constant float8 := 1e-9;
  sigma float8[];
  rest float8[];           -- correlations that are not explained yet, row by row
  pivot float8;
  root float8;
  cause float8[];
  moved float8[];
  causes float8[] := '{}';
begin
  if array_ndims(covariance) = 1 then
    sigma := array(select sqrt(v) from unnest(covariance) v);
    for k in 1 .. p loop
      if sigma[k] > 0 then
        cause := array_fill(0::float8, array[p]);
        cause[k] := sigma[k];
        causes := causes || array[cause];
      end if;
    end loop;
    return causes;
  end if;
  for i in 1 .. p loop
    sigma[i] := sqrt(covariance[i][i]);
  end loop;
  rest := array_fill(0::float8, array[p * p]);
  for i in 1 .. p loop
    for j in 1 .. i loop
      if sigma[i] > 0 and sigma[j] > 0 then
        rest[(i - 1) * p + j] := covariance[i][j] / sigma[i] / sigma[j];
      elsif covariance[i][j] <> 0 then
        perform refuse_covariance(i);
      end if;
    end loop;
  end loop;
  for k in 1 .. p loop
    pivot := rest[(k - 1) * p + k];
    if pivot < -least then
      perform refuse_covariance(k);
    end if;
    if pivot <= least then
      for i in k + 1 .. p loop
        if abs(rest[(i - 1) * p + k]) > sqrt(least) then
          perform refuse_covariance(k);
        end if;
      end loop;
      continue;
    end if;
    root := sqrt(pivot);
    cause := array_fill(0::float8, array[p]);
    for i in k .. p loop
      cause[i] := rest[(i - 1) * p + k] / root;
    end loop;
    for i in k + 1 .. p loop
      for j in k + 1 .. i loop
        rest[(i - 1) * p + j] := rest[(i - 1) * p + j] - tame_product(cause[i], cause[j]);
      end loop;
    end loop;
    for i in 1 .. p loop
      moved[i] := tame_product(cause[i], sigma[i]);
    end loop;
    causes := causes || array[moved];
  end loop;
  return causes;
end
$$;

-- Say that a covariance is none.
create function gilgamesh.refuse_covariance(k integer) returns void
  language plpgsql immutable parallel safe
as $$
begin
  raise exception using errcode = '22023', message = format(
    'the covariance is not positive: some combination of the parameters up to number %s would have a negative variance', k);
end
$$;

-- Is this a covariance of the parameters of these steps? True, or raises 22023 with the letter that
-- gilgamesh_db.calibration.checked_covariance would write.
create function gilgamesh.check_covariance(steps jsonb, covariance double precision[]) returns boolean
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  p constant integer := (select sum(parameter_count(step)) from jsonb_array_elements(steps) as list(step));
  letter text;
  uncertain integer;
  clash record;
begin
  if covariance is null then
    return true;
  end if;
  if p = 0 then
    letter := 'these steps have no parameters, so there is no covariance of them';
  elsif not (coalesce(array_ndims(covariance), 0) between 1 and 2 and array_length(covariance, 1) = p
             and coalesce(array_length(covariance, 2), p) = p
             and array_lower(covariance, 1) = 1 and coalesce(array_lower(covariance, 2), 1) = 1) then
    letter := format('the covariance of %s parameters is a matrix of %s × %s, or a list of %s variances; this one is %s',
                     p, p, p, p, coalesce((select string_agg(array_length(covariance, d)::text, ' × ' order by d)
                                             from generate_series(1, array_ndims(covariance)) d), '0'));
  elsif exists (select from unnest(covariance) c where c is null or c <> 0 and abs(c) not between 1e-200 and 1e200) then
    letter := 'each number of a covariance is finite, and 0 or of a magnitude between 1e-200 and 1e200';
  end if;
  if letter is null then
    with variance as (
      select k, case array_ndims(covariance) when 1 then covariance[k] else covariance[k][k] end as v
        from generate_series(1, p) k)
    select coalesce((select format('the variance of parameter %s is negative', min(k)) from variance where v < 0 having count(*) > 0),
                    (select format('%s parameters have a variance; 64 are possible. What is common to a whole table is '
                                   'one parameter: a polynomial after it', count(*))
                       from variance where v <> 0 having count(*) > 64))
      into letter;
  end if;
  if letter is null and array_ndims(covariance) = 2 then
    select format('the covariance is not symmetric: row %s, column %s is %s, row %s, column %s is %s',
                  i, j, short_number(covariance[i][j]), j, i, short_number(covariance[j][i])) into letter
      from generate_series(1, p) i, generate_series(1, i - 1) j
     where abs(covariance[i][j] - covariance[j][i]) > 1e-9::float8 * sqrt(covariance[i][i]) * sqrt(covariance[j][j])
     order by i, j limit 1;
  end if;
  if letter is not null then
    raise exception using errcode = '22023', message = letter;
  end if;
  perform covariance_factor(covariance);
  return true;
end
$$;

-- The first six digits of a number, as Python's format "g" writes them.
create function gilgamesh.short_number(x double precision) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  set extra_float_digits = 1
as $$
declare
  decade integer;
  rounded numeric;
begin
  if x = 0 then
    return '0';
  elsif x in ('NaN', 'Infinity', '-Infinity') then
    return lower(replace(x::text, 'inity', ''));
  end if;
  decade := split_part(to_char(x::text::numeric, '9.9EEEE'), 'e', 2)::integer - 1;
  rounded := round(x::text::numeric, 5 - decade);
  while abs(rounded) >= ('1e' || decade + 1)::numeric loop
    decade := decade + 1;
    rounded := round(x::text::numeric, 5 - decade);
  end loop;
  if decade between -4 and 5 then
    return trim_scale(rounded)::text;
  end if;
  return trim_scale(rounded * ('1e' || -decade)::numeric)::text || 'e' || case when decade < 0 then '-' else '+' end
         || case when abs(decade) < 10 then '0' else '' end || abs(decade);
end
$$;

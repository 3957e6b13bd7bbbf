-- Propagation of uncertainty through the steps of a calibration: the twin of gilgamesh_db/calibration/propagation.py,
-- which explains it. Nothing here raises: magnitudes below 1e-140 are 0, above 1e140 infinite, before they are multiplied.


-- Keep a magnitude between 1e-140 and 1e140; 0 and infinity stand for the others.
create function gilgamesh.tame(x double precision) returns double precision
  language sql immutable parallel safe
return case when x = 'NaN' then x
            when abs(x) < '1e-140'::double precision then 0
            when x > '1e140'::double precision then 'Infinity'
            when x < '-1e140'::double precision then '-Infinity'
            else x end;

-- A shift times a slope, of whatever size: 0 where one of them is 0, and tame.
create function gilgamesh.wild_product(a double precision, b double precision) returns double precision
  language sql immutable parallel safe
return case when abs(a) < '1e-140'::double precision or abs(b) < '1e-140'::double precision then 0
            else gilgamesh.tame(gilgamesh.tame(a) * gilgamesh.tame(b)) end;

-- The same, faster. (The common case first, in one expression that the planner
-- can put in place of the call: that is ten times faster.)
create function gilgamesh.tame_product(a double precision, b double precision) returns double precision
  language sql immutable parallel safe
return case when abs(a) between '1e-70'::double precision and '1e70'::double precision
             and abs(b) between '1e-70'::double precision and '1e70'::double precision then a * b
            when a = 0 or b = 0 then 0
            else gilgamesh.wild_product(a, b) end;

-- What is the derivative of a step with respect to its input?
create function gilgamesh.slope_of_step(x double precision[], step jsonb) returns double precision[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  beyond constant text := coalesce(step ->> 'outside', 'nan');
  slopes float8[];
  points float8[];
  factor float8;
  unit float8;
begin
  case step ->> 'function'
    when 'polynomial' then
      return apply_step(x, step || jsonb_build_object('coefficients', derived_coefficients(step -> 'coefficients')));
    when 'piecewise_polynomial' then
      slopes := apply_step(x, step || jsonb_build_object(
        'outside', case beyond when 'nan' then 'nan' else 'extrapolate' end,
        'coefficients', (select jsonb_agg(derived_coefficients(piece) order by n)
                           from jsonb_array_elements(step -> 'coefficients') with ordinality as pieces(piece, n))));
      points := float_array(step -> 'edges');
    when 'table' then
      points := float_array(step -> 'x');
      slopes := table_slopes(points, float_array(step -> 'y'));
      slopes := array(select case when v = 'NaN' or beyond = 'nan' and (v < points[1] or v > points[cardinality(points)])
                                  then 'NaN' else slopes[greatest(width_bucket(v, points), 1)] end from unnest(x) v);
    when 'power_of_ten' then
      return array(select tame_product(ln(10::float8), v) from unnest(apply_step(x, step)) v);
    when 'exponential' then
      return apply_step(x, step);
    when 'logarithm' then
      unit := case step ->> 'base' when 'e' then 1 when '2' then ln(2::float8) else ln(10::float8) end;
      return array(select case when v < 0 or v = 'NaN' then 'NaN' when abs(v) < '1e-140'::float8 then 'Infinity'
                               else 1 / (unit * tame(v)) end from unnest(x) v);
    when 'power_law' then
      factor := tame_product((step ->> 'coefficient')::float8, (step ->> 'exponent')::float8);
      if (step ->> 'exponent')::float8 = 1 then
        return array_fill(factor, array[cardinality(x)]);
      end if;
      return array(select tame_product(factor, v) from unnest(apply_step(x, jsonb_build_object(
        'function', 'power_law', 'version', 1, 'coefficient', 1, 'exponent', (step ->> 'exponent')::float8 - 1))) v);
  end case;
  if beyond = 'clamp' then
    slopes := array(select case when v < points[1] or v > points[cardinality(points)] and v <> 'NaN' then 0 else s end
                      from unnest(x, slopes) as samples(v, s));
  end if;
  return slopes;
end
$$;

-- Which coefficients does the derivative of a polynomial have?
create function gilgamesh.derived_coefficients(coefficients jsonb) returns jsonb
  language sql immutable strict parallel safe
  set extra_float_digits = 1
as $$
  select coalesce(jsonb_agg(greatest(-1e300, least((k - 1) * c::float8, 1e300)) order by k) filter (where k > 1), '[0]')
    from jsonb_array_elements_text(coefficients) with ordinality as list(c, k)
$$;

-- What does a step give more, to first order, when its parameters are larger by these shares? A function that is linear
-- in its parameters is simply evaluated with the shares in their place.
create function gilgamesh.shift_of_step(x double precision[], step jsonb, shares double precision[]) returns double precision[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
declare
  pieces jsonb := '[]';
  first integer := 1;
  n integer;
  power float8[];
  factor float8;
begin
  case step ->> 'function'
    when 'polynomial' then
      return apply_step(x, step || jsonb_build_object('coefficients', to_jsonb(shares)));
    when 'table' then
      return apply_step(x, step || jsonb_build_object('y', to_jsonb(shares)));
    when 'piecewise_polynomial' then
      for n in select jsonb_array_length(piece) from jsonb_array_elements(step -> 'coefficients') as list(piece) loop
        pieces := pieces || jsonb_build_array(to_jsonb(shares[first : first + n - 1]));
        first := first + n;
      end loop;
      return apply_step(x, step || jsonb_build_object('coefficients', pieces));
    when 'power_law' then
      power := apply_step(x, step || '{"coefficient": 1}');
      factor := tame_product((step ->> 'coefficient')::float8, shares[2]);
      return array(
        select tame_product(shares[1], p)
               + case when shares[2] = 0 then 0
                      else tame_product(tame_product(p, factor),
                                        case when v < 0 or v = 'NaN' then 'NaN' when v = 0 then '-Infinity' else ln(v) end) end
          from unnest(x, power) as samples(v, p));
  end case;
end
$$;

-- Values of a chain, and their uncertainty: that of the calibrations, which all samples share, and that of each sample.
--
-- links: one object per item of the chain, with "steps" and, where it is known, "covariance"; noise: standard
-- uncertainty of a raw sample, null where it is not known. Null comes out where nothing at all is known.
create function gilgamesh.propagate(x double precision[], links jsonb, noise double precision,
                                    out value double precision[], out systematic double precision[],
                                    out random double precision[])
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  n constant integer := cardinality(x);
  steps jsonb := '[]';
  first_step integer[] := '{}';      -- of each link, counted from 1
  inputs float8[] := '{}';           -- what enters each step, one row per step
  slopes float8[] := '{}';
  any_known boolean := noise is not null;
  causes float8[];
  first integer;
  share float8[];
  dealt integer;
  moved float8[];
  shift float8[];
  s integer;
  low float8;
  high float8;
  codes record;
begin
  -- Counts of a converter come again and again: answer for each that may occur, and look the samples up.
  select min(v), max(v) into low, high from unnest(x) v having bool_and(v = floor(v));
  if high - low < n / 2 and abs(low) < 1e15 then
    select p.value, p.systematic, p.random into codes
      from propagate(array(select c::float8 from generate_series(low::bigint, high::bigint) c), links, noise) p;
    value := array(select (codes.value)[(v - low)::integer + 1] from unnest(x) v);
    systematic := array(select (codes.systematic)[(v - low)::integer + 1] from unnest(x) v);
    random := array(select (codes.random)[(v - low)::integer + 1] from unnest(x) v);
    return;
  end if;
  value := x;
  if n = 0 then
    systematic := '{}';
    random := '{}';
    return;
  end if;
  for i in 0 .. jsonb_array_length(links) - 1 loop
    first_step := first_step || (jsonb_array_length(steps) + 1);
    steps := steps || (links -> i -> 'steps');
  end loop;
  for i in 0 .. jsonb_array_length(steps) - 1 loop
    inputs := inputs || array[value];
    slopes := slopes || array[slope_of_step(value, steps -> i)];
    value := apply_step(value, steps -> i);
  end loop;
  if noise is not null then
    moved := array_fill(noise, array[n]);
    for i in 1 .. jsonb_array_length(steps) loop
      moved := array(select tame_product(f, m) from unnest(slopes[i:i], moved) as samples(f, m));
    end loop;
    random := array(select case when v > '-infinity' and v < 'infinity' then abs(m) else 'NaN' end
                      from unnest(value, moved) as samples(v, m));
  end if;
  systematic := array_fill(0::float8, array[n]);
  for link in 1 .. jsonb_array_length(links) loop
    if jsonb_typeof(links -> (link - 1) -> 'covariance') is distinct from 'array' then
      continue;
    end if;
    any_known := true;
    causes := covariance_factor(array_of(links -> (link - 1) -> 'covariance'));
    for cause in 1 .. coalesce(array_length(causes, 1), 0) loop
      moved := null;
      dealt := 0;
      for i in first_step[link] .. jsonb_array_length(steps) loop
        if moved is not null then
          moved := array(select tame_product(f, m) from unnest(slopes[i:i], moved) as samples(f, m));
        end if;
        s := case when i < coalesce(first_step[link + 1], jsonb_array_length(steps) + 1)
                  then parameter_count(steps -> (i - 1)) else 0 end;
        if s > 0 then
          share := array(select unnest(causes[cause:cause][dealt + 1 : dealt + s]));
          dealt := dealt + s;
          if exists (select from unnest(share) c where c <> 0) then
            shift := shift_of_step(array(select unnest(inputs[i:i])), steps -> (i - 1), share);
            if moved is null then
              moved := array(select tame(d) from unnest(shift) d);
            else
              moved := array(select tame(total)
                               from (select m + tame(d) as total from unnest(moved, shift) as samples(m, d) offset 0) sums);
            end if;
          end if;
        end if;
      end loop;
      if moved is not null then
        systematic := array(select total + tame(m) * tame(m) from unnest(systematic, moved) as samples(total, m));
      end if;
    end loop;
  end loop;
  systematic := array(select case when v > '-infinity' and v < 'infinity' then sqrt(total) else 'NaN' end
                        from unnest(value, systematic) as samples(v, total));
  if not any_known then
    systematic := array_fill(null::float8, array[n]);
  end if;
  if random is null then
    random := array_fill(case when any_known then 0::float8 end, array[n]);
  end if;
end
$$;

-- A covariance as JSON, in one or two dimensions, as an array.
create function gilgamesh.array_of(numbers jsonb) returns double precision[]
  language sql immutable strict parallel safe
as $$ select translate(numbers::text, '[]', '{}')::double precision[] $$;

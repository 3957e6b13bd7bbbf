-- Calibration in SQL: the twin of gilgamesh_db/calibration/, which documents the functions and what each
-- of them does with NaN, infinities, overflow and underflow. Tests hold the two together.
--
-- PostgreSQL raises where IEEE 754 has a result: overflow, underflow, ln(0), exp(-800), (-1)^0.5. One such
-- sample must not cost the query its other million. Each step is therefore turned into an SQL expression
-- of x with a guard that only lets through what cannot raise; the few other values take a slow scalar way
-- that gives the same bits. No exception is caught anywhere: PostgreSQL 15 and 16 could not do that in a
-- parallel plan. docs/decisions/0003-calibration-functions.md has the measurements.
--
-- jsonb numbers are cast from their own text, so that no digit depends on a setting.


-- ---------------------------------------------------------------------------------------------------------
-- Scalars that never raise
-- ---------------------------------------------------------------------------------------------------------

-- What is a * b under IEEE 754, when PostgreSQL would raise on overflow or underflow?
create function gilgamesh.ieee_product(a float8, b float8) returns float8
  language plpgsql immutable strict parallel safe
as $$
declare
  p float8;             -- the factors, magnified
  q float8;
  p_high float8;        -- their upper 26 bits
  q_high float8;
begin
  if a in (0, 'NaN', 'Infinity', '-Infinity') or b in (0, 'NaN', 'Infinity', '-Infinity') then
    return a * b;
  end if;
  if abs(a) > 1 and abs(b) > 1 then
    -- Made smaller by 2^1024 the product rounds alike, and is 1 where the real one leaves the range.
    if abs((a * 2::float8 ^ -512) * (b * 2::float8 ^ -512)) >= 1 then
      return case when (a < 0) = (b < 0) then 'Infinity' else '-Infinity' end;
    end if;
  elsif least(abs(a), abs(b)) < 2::float8 ^ -500 and greatest(abs(a), abs(b)) < 1 then
    -- Magnified by 2^1075, half of the smallest number is 1; what does not exceed it rounds to 0. A
    -- product that rounds to 1 is told apart by its rounding error (Veltkamp, Dekker 1971).
    p := abs(a) * 2::float8 ^ 537;
    q := abs(b) * 2::float8 ^ 538;
    p_high := p * 134217729 - (p * 134217729 - p);
    q_high := q * 134217729 - (q * 134217729 - q);
    if p * q < 1 or p * q = 1 and
       p_high * q_high - 1 + p_high * (q - q_high) + (p - p_high) * q_high + (p - p_high) * (q - q_high) <= 0
    then
      return case when (a < 0) = (b < 0) then '0' else '-0' end;
    end if;
  end if;
  return a * b;
end
$$;

-- What is a + b under IEEE 754, when PostgreSQL would raise on overflow?
create function gilgamesh.ieee_sum(a float8, b float8) returns float8
  language plpgsql immutable strict parallel safe
as $$
declare
  largest constant float8 := 1.7976931348623157e308;
begin
  if abs(a) between 1e290 and largest and abs(b) between 1e290 and largest
     and abs(a / 2 + b / 2) >= 2::float8 ^ 1023
  then
    return case when a > 0 then 'Infinity' else '-Infinity' end;
  end if;
  return a + b;
end
$$;

-- What is base ^ exponent, with NaN where there is no real power and without raising?
create function gilgamesh.ieee_power(base float8, exponent float8) returns float8
  language plpgsql immutable strict parallel safe
as $$
declare
  whole constant boolean := exponent = floor(exponent);
  odd constant boolean := whole and exponent / 2 <> floor(exponent / 2);
  negative constant boolean := odd and (base < 0 or base::text = '-0');
  magnitude float8;      -- natural logarithm of the result
  root float8;
begin
  if base = 'NaN' or exponent = 'NaN' or base < 0 and not whole then
    return 'NaN';
  elsif base = 0 or abs(base) = 'Infinity' then
    return case when (base = 0) = (exponent > 0) then case when negative then '-0' else '0' end
                else case when negative then '-Infinity' else 'Infinity' end end;
  elsif abs(exponent) = 'Infinity' then
    return power(base, exponent);
  end if;
  magnitude := gilgamesh.ieee_product(exponent, ln(abs(base)));
  if abs(magnitude) < 690 then
    return power(base, exponent);
  end if;
  -- Near the ends of the range the power is the square of one that is far from them.
  root := case when magnitude > 760 then 'Infinity'
               when magnitude < -760 then 0
               else power(abs(base), exponent / 2) end;
  return gilgamesh.ieee_product(case when negative then -root else root end, root);
end
$$;

-- What is e ^ x without raising?
create function gilgamesh.ieee_exponential(x float8) returns float8
  language sql immutable strict parallel safe
as $$
  select case when x between -690 and 690 or x = 'NaN' then exp(x)
              when x > 760 then 'Infinity'
              when x < -760 then 0
              else gilgamesh.ieee_product(exp(x / 2), exp(x / 2)) end
$$;

-- What is the polynomial of x, coefficients in ascending order, without raising? (For a constant x is finite.)
create function gilgamesh.ieee_polynomial(x float8, coefficients float8[]) returns float8
  language plpgsql immutable strict parallel safe
as $$
declare
  result float8 := coefficients[cardinality(coefficients)];
begin
  for i in reverse cardinality(coefficients) - 1 .. 1 loop
    result := gilgamesh.ieee_sum(gilgamesh.ieee_product(result, x), coefficients[i]);
  end loop;
  return result;
end
$$;

-- How is a jsonb list of numbers written as an array? With the same digits.
create function gilgamesh.array_literal(list jsonb) returns text
  language sql immutable strict parallel safe
as $$ select '{' || btrim(list::text, '[]') || '}' $$;

-- Which float8 are in a jsonb list of numbers? (Twice as fast as a cast per item.)
create function gilgamesh.float_array(list jsonb) returns float8[]
  language sql immutable strict parallel safe
as $$ select gilgamesh.array_literal(list)::float8[] $$;


-- ---------------------------------------------------------------------------------------------------------
-- Is it a calibration at all?
-- ---------------------------------------------------------------------------------------------------------

-- Is this a list of so many numbers? Gives them as float8.
create function gilgamesh.check_numbers(step text, name text, list jsonb, fewest int, most int)
  returns float8[]
  language plpgsql immutable parallel safe
as $$
declare
  item bigint;
begin
  if jsonb_typeof(list) is distinct from 'array' or jsonb_array_length(list) not between fewest and most then
    raise exception using errcode = '22023',
      message = format('%s%s must be a list of %s to %s numbers', step, name, fewest, most);
  end if;
  select min(n) into item from jsonb_array_elements(list) with ordinality as items(value, n)
   where not gilgamesh.is_parameter(value);
  if item is not null then
    perform gilgamesh.check_number(step, format('item %s of %s', item, name), list -> (item - 1)::int);
  end if;
  return gilgamesh.float_array(list);
end
$$;

-- Is this a number that a calibration may have as a parameter?
create function gilgamesh.is_parameter(value jsonb) returns boolean
  language sql immutable parallel safe
as $$
  select case when jsonb_typeof(value) = 'number'
              then value::numeric = 0 or abs(value::numeric) between 1e-300 and 1e300
              else false end
$$;

-- Is this such a number? Raises if not.
create function gilgamesh.check_number(step text, name text, value jsonb) returns void
  language plpgsql immutable parallel safe
as $$
begin
  if not gilgamesh.is_parameter(value) then
    raise exception using errcode = '22023', message = step || name ||
      ' must be a finite number, either 0 or of a magnitude between 1e-300 and 1e300';
  end if;
end
$$;

-- Do the numbers increase strictly?
create function gilgamesh.check_increasing(step text, name text, numbers float8[]) returns void
  language plpgsql immutable parallel safe
as $$
declare
  item int;
begin
  select min(n) into item
    from (select n, number, lag(number) over (order by n) as previous
            from unnest(numbers) with ordinality as numbers(number, n)) pairs
   where number <= previous;
  if item is not null then
    raise exception using errcode = '22023', message = format(
      '%s%s must increase strictly; item %s does not exceed item %s', step, name, item, item - 1);
  end if;
end
$$;

-- Is this a list of calibration steps that this version of the functions can apply? Always true, or raises
-- 22023 with the letter that gilgamesh_db.calibration.steps_from_json would write.
create function gilgamesh.check_steps(steps jsonb) returns boolean
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  functions constant jsonb := '{
    "exponential": [], "logarithm": ["base"], "piecewise_polynomial": ["edges", "coefficients", "outside"],
    "polynomial": ["coefficients"], "power_law": ["coefficient", "exponent"], "power_of_ten": [],
    "table": ["x", "y", "outside"]}';
  known constant text := (select string_agg(key, ', ' order by key collate "C") from jsonb_each(functions));
  step jsonb;
  number bigint;
  name text;
  parameters text[];
  key text;
  letter text;      -- "step 1: table: "
  xs float8[];
  ys float8[];
  item int;
begin
  if jsonb_typeof(steps) is distinct from 'array' or jsonb_array_length(steps) = 0 then
    raise exception using errcode = '22023', message = 'a calibration is a list of one step or more; '
      'the one that changes nothing is [{"function": "polynomial", "version": 1, "coefficients": [0, 1]}]';
  end if;
  for step, number in select * from jsonb_array_elements(steps) with ordinality loop
    letter := format('step %s: ', number);
    if jsonb_typeof(step) <> 'object' or jsonb_typeof(step -> 'function') is distinct from 'string' then
      raise exception using errcode = '22023',
        message = letter || 'not an object with a "function"; known functions: ' || known;
    end if;
    name := step ->> 'function';
    if not functions ? name then
      raise exception using errcode = '22023',
        message = format('%sunknown function "%s"; known functions: %s', letter, name, known);
    end if;
    letter := letter || name || ': ';
    if step -> 'version' is distinct from '1'::jsonb then
      raise exception using errcode = '22023', message = letter || 'version must be 1, the only one so far';
    end if;
    parameters := array(select jsonb_array_elements_text(functions -> name));
    key := (select min(k collate "C") from jsonb_object_keys(step) k
             where k <> all (array['function', 'version'] || parameters));
    if key is not null then
      raise exception using errcode = '22023', message = format(
        '%sunknown parameter "%s"; known parameters: %s',
        letter, key, coalesce(nullif(array_to_string(parameters, ', '), ''), 'none'));
    end if;
    foreach key in array parameters loop
      if key <> 'outside' and not step ? key then
        raise exception using errcode = '22023',
          message = format('%sparameter "%s" is missing', letter, key);
      end if;
    end loop;

    if name = 'polynomial' then
      perform gilgamesh.check_numbers(letter, 'coefficients', step -> 'coefficients', 1, 32);

    elsif name = 'piecewise_polynomial' then
      xs := gilgamesh.check_numbers(letter, 'edges', step -> 'edges', 2, 257);
      perform gilgamesh.check_increasing(letter, 'edges', xs);
      if jsonb_typeof(step -> 'coefficients') <> 'array'
         or jsonb_array_length(step -> 'coefficients') <> cardinality(xs) - 1
      then
        raise exception using errcode = '22023', message = format(
          '%scoefficients must be a list of %s lists, one for each piece between the edges',
          letter, cardinality(xs) - 1);
      end if;
      for item in 1 .. cardinality(xs) - 1 loop
        perform gilgamesh.check_numbers(
          letter, format('piece %s of coefficients', item), step -> 'coefficients' -> (item - 1), 1, 32);
      end loop;

    elsif name = 'table' then
      xs := gilgamesh.check_numbers(letter, 'x', step -> 'x', 2, 10000);
      perform gilgamesh.check_increasing(letter, 'x', xs);
      ys := gilgamesh.check_numbers(letter, 'y', step -> 'y', 2, 10000);
      if cardinality(xs) <> cardinality(ys) then
        raise exception using errcode = '22023',
          message = letter || 'x and y must have the same number of items';
      end if;
      select min(n) into item
        from (select n, abs(lead(y) over points - y) as rise, lead(x) over points - x as run
                from unnest(xs, ys) with ordinality as points(x, y, n) window points as (order by n)) lines
       where case when rise > 0 then abs(log(rise) - log(run)) > 300 else false end;
      if item is not null then
        raise exception using errcode = '22023', message = format(
          '%sthe line from item %s to item %s is too steep or too flat; '
          'its slope must be 0, or of a magnitude between 1e-300 and 1e300', letter, item, item + 1);
      end if;

    elsif name = 'logarithm' then
      if step -> 'base' not in ('10', '2', '"e"') then
        raise exception using errcode = '22023', message = letter || 'base must be 10, 2 or "e"';
      end if;

    elsif name = 'power_law' then
      perform gilgamesh.check_number(letter, 'coefficient', step -> 'coefficient');
      perform gilgamesh.check_number(letter, 'exponent', step -> 'exponent');
      if step -> 'exponent' = '0' then
        raise exception using errcode = '22023', message = letter ||
          'exponent must not be 0; a constant is a polynomial with one coefficient';
      end if;
    end if;

    if coalesce(step -> 'outside', '"nan"') not in ('"nan"', '"clamp"', '"extrapolate"') then
      raise exception using errcode = '22023',
        message = letter || 'outside must be "nan", "clamp" or "extrapolate"';
    end if;
  end loop;
  return true;
end
$$;


-- ---------------------------------------------------------------------------------------------------------
-- One step as an SQL expression of x
-- ---------------------------------------------------------------------------------------------------------

-- For which x may the plain arithmetic run? Those of a magnitude between two powers of ten, and those that
-- PostgreSQL lets pass anyway.
create function gilgamesh.guard_expression(lowest float8, highest float8) returns text
  language sql immutable strict parallel safe
as $$
  select case when lowest > highest then 'false' else format(
    '(abs(x) between %L::float8 and %L::float8 or x in (0, ''NaN'', ''Infinity'', ''-Infinity''))',
    power(10::float8, greatest(lowest, -300)), power(10::float8, least(highest, 300))) end
$$;

-- How is a polynomial written as an expression of x?
create function gilgamesh.polynomial_expression(coefficients jsonb) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  degree constant int := jsonb_array_length(coefficients) - 1;
  horner text := format('%L::float8', coefficients ->> degree);
  smallest float8;      -- decimal logarithms of the coefficients that are not 0
  largest float8;
  lowest float8;
  highest float8;
begin
  if degree = 0 then
    return format('(%s + 0::float8 * x)', horner);
  end if;
  for i in reverse degree - 1 .. 0 loop
    horner := format('(%s * x + %L::float8)', horner, coefficients ->> i);
  end loop;
  select coalesce(log(min(abs(c::float8))), 0), coalesce(log(max(abs(c::float8))), 0) into smallest, largest
    from jsonb_array_elements_text(coefficients) as c where c::float8 <> 0;
  -- Nothing overflows while (degree + 1) · largest · x^degree < 1e290. Nothing underflows while
  -- smallest · x^degree > 1e-300, if every sum on the way loses all but the last of its 53 bits (1e-16).
  highest := (290 - log(degree + 1::float8) - greatest(largest, 0)) / degree;
  lowest := (-300 - smallest + 16 * (degree - 1)) / degree;
  return format('case when %s then %s else gilgamesh.ieee_polynomial(x, %L::float8[]) end',
    case when lowest > 0 or highest < 0 then 'false' else gilgamesh.guard_expression(lowest, highest) end,
    horner, gilgamesh.array_literal(coefficients));
end
$$;

-- How is a piecewise polynomial written as an expression of x?
create function gilgamesh.piecewise_expression(edges jsonb, coefficients jsonb, outside text)
  returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  last constant int := jsonb_array_length(edges) - 1;
  branches text := '';
begin
  for i in 1 .. last loop
    branches := branches || format(' when x %s %L::float8 then %s', case when i < last then '<' else '<=' end,
      edges ->> i, gilgamesh.polynomial_expression(coefficients -> (i - 1)));
  end loop;
  return format('case when x < %L::float8 then %s%s when x = ''NaN'' then x when x is not null then %s end',
    edges ->> 0,
    gilgamesh.outside_expression(outside, edges -> 0, coefficients -> 0),
    branches,
    gilgamesh.outside_expression(outside, edges -> last, coefficients -> (last - 1)));
end
$$;

-- What does a piecewise polynomial give beyond one of its ends?
create function gilgamesh.outside_expression(outside text, edge jsonb, coefficients jsonb) returns text
  language sql immutable strict parallel safe
as $$
  select case outside
    when 'clamp' then format('gilgamesh.ieee_polynomial(%L::float8, %L::float8[])',
                             edge #>> '{}', gilgamesh.array_literal(coefficients))
    when 'extrapolate' then gilgamesh.polynomial_expression(coefficients)
    else '''NaN''::float8' end
$$;

-- What are the slopes of the lines that start at the points of a table? The last point starts one too, with
-- the slope of the line before it, so that it is met exactly.
create function gilgamesh.table_slopes(xs float8[], ys float8[]) returns float8[]
  language plpgsql immutable strict parallel safe
as $$
declare
  n constant int := cardinality(xs);
  slopes float8[] := array(
    select (next_y - y) / (next_x - x)
      from unnest(xs[: n - 1], ys[: n - 1], xs[2 :], ys[2 :]) as lines(x, y, next_x, next_y));
begin
  slopes[n] := slopes[n - 1];
  return slopes;
end
$$;

-- How is a table written as an expression of x? $2, $3 and $4 stand for its points, outputs and slopes.
create function gilgamesh.table_expression(xs float8[], ys float8[], slopes float8[], outside text)
  returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  k constant text := '[greatest(width_bucket(x, $2), 1)]';      -- the last point that does not exceed x
  line text;
  flattest float8;       -- decimal logarithms of the slopes and of the points that are not 0
  steepest float8;
  nearest float8;
  farthest float8;
  lowest float8;
  highest float8;
begin
  select coalesce(log(min(abs(slope))), 0), coalesce(log(max(abs(slope))), 0) into flattest, steepest
    from unnest(slopes) slope where slope <> 0;
  select log(min(abs(x))), log(max(abs(x))) into nearest, farthest from unnest(xs) x where x <> 0;
  -- x − x_k is 0 or at least 1e-16 times the smaller of the two; times the slope it must stay above 1e-300 …
  lowest := -300 - flattest + 16;
  -- … and below 1e300.
  highest := 299 - greatest(steepest, 0);
  line := format(
    'case when %s then ($3)%s + ($4)%s * (x - ($2)%s) '
    'else gilgamesh.ieee_sum(($3)%s, gilgamesh.ieee_product(($4)%s, gilgamesh.ieee_sum(x, -($2)%s))) end',
    case when lowest > nearest or highest < farthest then 'false'
         else gilgamesh.guard_expression(lowest, highest) end,
    k, k, k, k, k, k);
  return format(
    'case when x < ($2)[1] then %s when x <= ($2)[%s] then %s when x = ''NaN'' then x when x is not null then %s end',
    case outside when 'clamp' then '($3)[1]' when 'extrapolate' then line else '''NaN''::float8' end,
    cardinality(xs),
    line,
    case outside when 'clamp' then format('($3)[%s]', cardinality(xs)) when 'extrapolate' then line
                 else '''NaN''::float8' end);
end
$$;

-- How is coefficient · x ^ exponent written as an expression of x?
create function gilgamesh.power_law_expression(coefficient text, exponent text) returns text
  language plpgsql immutable strict parallel safe
as $$
declare
  whole constant boolean := exponent::float8 = floor(exponent::float8);
  size constant float8 := case when coefficient::float8 = 0 then 0 else abs(log(abs(coefficient::float8))) end;
  -- Neither the power nor its product may pass 1e290 or fall below 1e-290.
  decades constant float8 := least(300, greatest(-1, (290 - size) / greatest(abs(exponent::float8), 1e-3)));
begin
  return format(
    'case when %s between %L::float8 and %L::float8 then %L::float8 * power(x, %L::float8)%s '
    'else gilgamesh.ieee_product(%L::float8, gilgamesh.ieee_power(x, %L::float8)) end',
    case when whole then 'abs(x)' else 'x' end, power(10::float8, -decades), power(10::float8, decades),
    coefficient, exponent, case when whole then '' else ' when x < 0 then ''NaN''' end, coefficient, exponent);
end
$$;


-- ---------------------------------------------------------------------------------------------------------
-- What the views use
-- ---------------------------------------------------------------------------------------------------------

-- What are these raw values after one calibration step?
create function gilgamesh.apply_step(x float8[], step jsonb) returns float8[]
  language plpgsql immutable strict parallel safe
as $$
declare
  expression text;
  xs float8[];
  ys float8[];
  slopes float8[];
begin
  if step -> 'version' is distinct from '1'::jsonb then
    raise exception using errcode = '22023', message = format('unknown version of a calibration step: %s', step);
  end if;
  case step ->> 'function'
    when 'polynomial' then
      expression := gilgamesh.polynomial_expression(step -> 'coefficients');
    when 'piecewise_polynomial' then
      expression := gilgamesh.piecewise_expression(
        step -> 'edges', step -> 'coefficients', coalesce(step ->> 'outside', 'nan'));
    when 'table' then
      xs := gilgamesh.float_array(step -> 'x');
      ys := gilgamesh.float_array(step -> 'y');
      slopes := gilgamesh.table_slopes(xs, ys);
      expression := gilgamesh.table_expression(xs, ys, slopes, coalesce(step ->> 'outside', 'nan'));
    when 'power_of_ten' then
      expression := 'case when x between -300 and 300 then power(10::float8, x) else gilgamesh.ieee_power(10, x) end';
    when 'exponential' then
      expression := 'case when x between -690 and 690 then exp(x) else gilgamesh.ieee_exponential(x) end';
    when 'logarithm' then
      expression := format(
        'case when x > 0 then %s when x = 0 then ''-Infinity'' when x < 0 then ''NaN'' end',
        case step ->> 'base' when 'e' then 'ln(x)' when '2' then 'ln(x) / ln(2::float8)' else 'log(x)' end);
    when 'power_law' then
      expression := gilgamesh.power_law_expression(step ->> 'coefficient', step ->> 'exponent');
    else
      raise exception using errcode = '22023', message = format('unknown calibration step: %s', step);
  end case;
  execute format('select array(select %s from (select unnest($1) as x) as samples)', expression)
     into x using x, xs, ys, slopes;
  return x;
end
$$;

-- What are these raw values after the calibration steps? One pass over the array per step. The steps must be
-- such as gilgamesh.check_steps accepts.
create function gilgamesh.apply_steps(x float8[], steps jsonb) returns float8[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  for i in 0 .. jsonb_array_length(steps) - 1 loop
    x := gilgamesh.apply_step(x, steps -> i);
  end loop;
  return x;
end
$$;

-- Which gain and offset do these have together, the first applied first? Null when one of them, given or
-- composed, is neither 0 nor between 1e-30 and 1e30 in magnitude.
create function gilgamesh.compose_affine(gains float8[], offsets float8[]) returns float8[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  gain float8 := 1;
  "offset" float8 := 0;
begin
  for i in 1 .. cardinality(gains) loop
    if (gains[i] = 0 or abs(gains[i]) between 1e-30 and 1e30)
       and (offsets[i] = 0 or abs(offsets[i]) between 1e-30 and 1e30)
    then
      gain := gains[i] * gain;
      "offset" := gains[i] * "offset" + offsets[i];
    else
      return null;
    end if;
    if not ((gain = 0 or abs(gain) between 1e-30 and 1e30)
            and ("offset" = 0 or abs("offset") between 1e-30 and 1e30))
    then
      return null;
    end if;
  end loop;
  return array[gain, "offset"];
end
$$;

-- Are these steps one gain and one offset? Null when they are not.
create function gilgamesh.affine(steps jsonb) returns float8[]
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  gains float8[] := '{}';
  offsets float8[] := '{}';
  coefficients jsonb;
begin
  for i in 0 .. jsonb_array_length(steps) - 1 loop
    coefficients := steps -> i -> 'coefficients';
    if steps -> i ->> 'function' <> 'polynomial' or jsonb_array_length(coefficients) > 2 then
      return null;
    end if;
    gains := gains || coalesce((coefficients ->> 1)::float8, 0);
    offsets := offsets || (coefficients ->> 0)::float8;
  end loop;
  return gilgamesh.compose_affine(gains, offsets);
end
$$;

-- By what is a raw value multiplied, when the steps are affine?
create function gilgamesh.affine_gain(steps jsonb) returns float8
  language sql immutable strict parallel safe
as $$ select (gilgamesh.affine(steps))[1] $$;

-- What is added after that, when the steps are affine?
create function gilgamesh.affine_offset(steps jsonb) returns float8
  language sql immutable strict parallel safe
as $$ select (gilgamesh.affine(steps))[2] $$;

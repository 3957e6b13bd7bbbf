-- Formulas of derived signals, with the units of their signals: the twin of gilgamesh_db/formula/compiled.py.
--
-- Compiled when it is read: the unit of a signal may be amended, and a tree that was stored would go on in the old one.
-- A unit is an object {"f": size in base units, "d": powers of the base units, "o": where its zero lies, "u": as it is
-- written}; a term of a formula the same with "tree", "bare" (a number as it stands in the text, meant in the unit of
-- what it is compared with) and "truth" (a condition).


-- The unit as an object; null where the table of units does not hold it. Spaces and ^ are a matter of taste.
create function gilgamesh.unit_term(symbol text) returns jsonb
  language sql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
  set extra_float_digits = 1
as $$
  select jsonb_build_object('f', u.factor::text::numeric, 'o', u."offset"::text::numeric, 'u', u.symbol, 'd', (
           select coalesce(jsonb_object_agg(m[1], coalesce(m[2]::numeric / m[3]::numeric, m[4]::numeric, 1)), '{}')
             from regexp_split_to_table(u.dimension, ' ') part
            cross join regexp_match(part, '^([^-0-9(]+)(?:\((-?\d+)/(\d+)\)|(-?\d+))?$') m
            where m is not null))
    from unit u
   where u.symbol = unit_term.symbol
      or regexp_replace(u.symbol, ' ', '', 'g') = regexp_replace(replace(replace(unit_term.symbol, '**', ''), '^', ''), ' ', '', 'g')
   order by u.symbol = unit_term.symbol desc limit 1
$$;

-- A product, or with a power of -1 a quotient, of two units.
create function gilgamesh.unit_product(one jsonb, other jsonb, power integer) returns jsonb
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'f', case when power = 1 then (one ->> 'f')::numeric * (other ->> 'f')::numeric
              else trim_scale(round((one ->> 'f')::numeric, 200) / (other ->> 'f')::numeric) end,
    'o', 0, 'u', concat_ws(case power when 1 then ' ' else ' / ' end, coalesce(nullif(one ->> 'u', ''), '1'), nullif(other ->> 'u', '')),
    'd', (select coalesce(jsonb_object_agg(base, p), '{}')
            from (select base, sum(p) as p
                    from (select key as base, value::numeric as p from jsonb_each_text(one -> 'd')
                          union all select key, power * value::numeric from jsonb_each_text(other -> 'd')) every
                   group by base) added
           where abs(p) > 1e-4))
$$;

-- A power of a unit. What is not whole is rounded like a float, and freed of the noise of its last bits.
create function gilgamesh.unit_power(one jsonb, power double precision) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
  set extra_float_digits = 1
as $$
declare
  factor constant numeric := (one ->> 'f')::numeric;
  found numeric := 1;
  short numeric;
begin
  if factor = 1 then
    null;
  elsif power = round(power) and abs(power) <= 32 then
    for i in 1 .. abs(power)::integer loop
      found := found * factor;
    end loop;
    if power < 0 then
      found := trim_scale(round(1, 400) / found);
    end if;
  else
    found := (factor::float8 ^ power)::text::numeric;
    short := round(found, 13 - floor(log(found))::integer);
    if abs(short - found) <= 8e-16 * found then
      found := short;
    end if;
  end if;
  return jsonb_build_object('f', found, 'o', 0, 'u', format('(%s)^%s', one ->> 'u', power), 'd', (
    select coalesce(jsonb_object_agg(key, value::numeric * power::numeric) filter (where abs(value::numeric * power::numeric) > 1e-4), '{}')
      from jsonb_each_text(one -> 'd')));
end
$$;

-- Are two units of one dimension? Powers that differ by less than a rounded fraction are the same.
create function gilgamesh.same_dimension(one jsonb, other jsonb) returns boolean
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select not exists (select from jsonb_each_text(one -> 'd') a full join jsonb_each_text(other -> 'd') b on a.key = b.key
                      where abs(coalesce(a.value, '0')::numeric - coalesce(b.value, '0')::numeric) > 1e-4)
$$;

-- A term in another unit of its dimension.
create function gilgamesh.converted_term(term jsonb, unit jsonb, said text) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  tree jsonb := term -> 'tree';
  size constant float8 := (unit ->> 'f')::float8;
  gain constant float8 := (term ->> 'f')::float8 / size;
  shift constant float8 := ((term ->> 'o')::float8 - (unit ->> 'o')::float8) / size;
begin
  if not same_dimension(term, unit) then
    raise exception using errcode = 'GG006',
      message = format('%s: %s is not of the dimension of %s', said, quote_literal(coalesce(nullif(term ->> 'u', ''), '1')),
                       quote_literal(coalesce(nullif(unit ->> 'u', ''), '1'))),
      hint = 'A number is given a unit like this: quantity(2.5, ''kW'')';
  end if;
  if gain <> 1 then
    tree := jsonb_build_array('mul', tree, jsonb_build_array('number', to_jsonb(gain)));
  end if;
  if shift <> 0 then
    tree := jsonb_build_array('add', tree, jsonb_build_array('number', to_jsonb(shift)));
  end if;
  return unit || jsonb_build_object('tree', tree);
end
$$;

-- Terms that are compared or chosen from, all in the unit of the first that has one; bare numbers are meant in it.
create function gilgamesh.alike_terms(terms jsonb[], said text) returns jsonb[]
  language sql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  select array_agg(case when term ? 'bare' then unit || jsonb_build_object('tree', term -> 'tree')
                        else converted_term(term, unit, said) end order by n)
    from unnest(terms) with ordinality t(term, n)
   cross join (select coalesce((select first - 'tree' - 'truth' from unnest(terms) with ordinality f(first, k)
                                 where not first ? 'bare' order by k limit 1),
                               '{"f": 1, "o": 0, "u": "", "d": {}}') as unit) meant
$$;

-- A node of a formula as a term: units checked, conversions written out.
create function gilgamesh.compile_term(node jsonb, units jsonb, formula text, depth integer default 0) returns jsonb
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  pure constant jsonb := '{"f": 1, "o": 0, "u": "", "d": {}}';
  operation constant text := node ->> 0;
  rule text := coalesce(formula_functions() -> operation ->> 2, operation);
  said constant text := format('the formula %L has no meaning where it says %L', formula, coalesce('{
    "add": "+", "sub": "-", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}'::jsonb ->> operation, operation));
  terms jsonb[] := '{}';
  trees jsonb := jsonb_build_array(operation);
  unit jsonb;
  first jsonb;
begin
  if depth > 62 then
    perform refuse_formula(formula, 'it is nested more than 60 deep', 'Define a part of it on its own.');
  end if;
  if operation = 'load' then
    return units -> (node ->> 1) || jsonb_build_object('tree', node);
  elsif operation = 'number' then
    return pure || jsonb_build_object('tree', node, 'bare', true);
  elsif operation = 'quantity' then
    unit := unit_term(node ->> 2);
    if unit is null then
      raise exception using errcode = 'GG006', message = format('the formula %L needs a unit the database does not hold: %L', formula, node ->> 2),
        hint = 'Write it as in: select symbol from gilgamesh.unit; a formula stated in Python makes its units known.';
    end if;
    return unit || jsonb_build_object('tree', jsonb_build_array('number', node -> 1));
  end if;
  for i in 1 .. jsonb_array_length(node) - 1 loop
    terms := terms || compile_term(node -> i, units, formula, depth + 1);
  end loop;
  first := terms[1];

  if operation in ('and', 'or', 'not', 'where')
     and exists (select from unnest(case operation when 'where' then terms[: 1] else terms end) t where not t ? 'truth') then
    perform refuse_formula(formula, 'a value stands where a condition belongs', 'Compare it, for example: U > 0');
  elsif operation not in ('and', 'or', 'not', 'where') and exists (select from unnest(terms) t where t ? 'truth') then
    perform refuse_formula(formula, 'it computes with a condition', 'Turn it into numbers: where(condition, 1, 0)');
  end if;
  -- A temperature in °C, whose zero is arbitrary, can only be compared, and subtracted from another.
  if (operation in ('mul', 'div', 'neg', 'pow', 'abs') or rule in ('root', 'rate', 'area')
      or operation in ('add', 'sub') and not (operation = 'sub' and first ->> 'o' = terms[2] ->> 'o' and first ->> 'u' = terms[2] ->> 'u'))
     and exists (select from unnest(terms) t where t ->> 'o' <> '0') then
    raise exception using errcode = 'GG006', message = format('the formula %L computes with a temperature in °C', formula),
      hint = 'Its zero is arbitrary; use a signal in K.';
  end if;

  if operation in ('and', 'or', 'not') then
    unit := pure || '{"truth": true}';
  elsif operation = 'where' then
    terms := terms[: 1] || alike_terms(terms[2 :], said);
    unit := terms[2];
  elsif rule = 'same' or operation in ('lt', 'le', 'gt', 'ge', 'eq', 'ne') then
    terms := alike_terms(terms, said);
    unit := case when rule = 'same' then terms[1] else pure || '{"truth": true}' end;
  elsif operation in ('add', 'sub') then
    if first ? 'bare' and terms[2] ? 'bare' then
      unit := first;
    elsif first ->> 'o' <> '0' then
      unit := unit_term('K');
    else
      terms[2] := converted_term(terms[2], first - 'tree' - 'bare', said);
      unit := first - 'bare';
    end if;
  elsif operation in ('mul', 'div', 'pow', 'neg') then
    if operation = 'pow' and not (first ? 'bare' and terms[2] ? 'bare')
       and (node -> 2 ->> 0 <> 'number' or node -> 2 ->> 1 in ('NaN', 'Infinity', '-Infinity')) then
      perform refuse_formula(formula, 'an exponent is not a number', 'For others write exp(y * log(x)).');
    end if;
    unit := case when not exists (select from unnest(terms) t where not t ? 'bare') then first
                 when operation = 'neg' then first - 'bare'
                 when operation = 'pow' then unit_power(first, (node -> 2 ->> 1)::float8)
                 else unit_product(first, terms[2], case operation when 'mul' then 1 else -1 end) end;
  elsif rule = 'root' then
    unit := unit_power(first, 0.5);
  elsif rule in ('rate', 'area') then
    unit := unit_product(first, unit_term('s'), case rule when 'area' then 1 else -1 end);
  elsif rule in ('number', 'angle') then
    -- An angle that is a pure number is in radians.
    terms[1] := converted_term(first, case when rule = 'number' or same_dimension(first, pure) then pure else unit_term('rad') end, said);
    unit := pure;
  else
    -- Of smooth and mean the first counts; the others are seconds.
    if exists (select from generate_series(2, jsonb_array_length(node) - 1) i where node -> i ->> 0 <> 'number')
       or operation = 'smooth' and not ((node -> 2 ->> 1)::float8 > 0 and (node -> 2 ->> 1)::float8 < 'Infinity') then
      perform refuse_formula(formula, format('%s needs times, as numbers in seconds', operation));
    end if;
    unit := first - 'bare';
  end if;
  return unit || jsonb_build_object('tree', trees || (select jsonb_agg(t -> 'tree' order by n) from unnest(terms) with ordinality x(t, n)));
end
$$;

-- A formula that was parsed, ready for numbers: its tree, whose values are in this unit. The names stand for signals.
create function gilgamesh.compile_formula(parsed jsonb, into_unit text, formula text) returns jsonb
  language plpgsql stable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  unknown text;
  units jsonb;
begin
  select min(n.name) filter (where s.id is null), jsonb_object_agg(n.name, unit_term(s.unit)) into unknown, units
    from unnest(formula_names(parsed)) n(name)
    left join alias a on a.name = n.name
    left join signal s on s.name = n.name or s.id = a.signal_id;
  if unknown is not null then
    raise exception using errcode = 'GG014', message = format('there is no signal %L in the formula %L', unknown, formula),
      hint = 'List them with: select signal from gilgamesh.signals';
  end if;
  return converted_term(compile_term(parsed, coalesce(units, '{}'), formula), unit_term(into_unit),
                        format('the formula %L gives another unit than its signal', formula)) -> 'tree';
end
$$;

-- Refuse a formula that cannot be stated of a signal for a period: no formula, unknown names, units that do not agree, or a
-- circle. (A unit that only the library knows is left to the library.)
create function gilgamesh.check_formula(signal_id bigint, formula text, period tstzrange) returns void
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
  set enable_seqscan = on  -- edits forbid it; scans of small tables would then look so dear that a server with JIT compiles them
as $$
declare
  parsed constant jsonb := parse_formula(check_formula.formula);
  names constant text[] := formula_names(parsed);
  own signal;
  circle text;
begin
  select * into own from signal s where s.id = check_formula.signal_id;
  if names = '{}' then
    perform refuse_formula(formula, 'it names no signal, so that it has no times');
  end if;
  if not exists (select from jsonb_path_query(parsed, 'strict $.** ? (@[0] == "quantity")') q where unit_term(q ->> 2) is null) then
    perform compile_formula(parsed, own.unit, formula);
  end if;
  with recursive needed as (
    select s.id, own.name || ' → ' || s.name as path, array[s.id] as met
      from unnest(names) n(name)
      left join alias a on a.name = n.name
      join signal s on s.name = n.name or s.id = a.signal_id
    union all
    select s.id, o.path || ' → ' || s.name, o.met || s.id
      from needed o
      join definition d on d.signal_id = o.id and upper_inf(d.recorded) and d.valid && check_formula.period and o.id <> own.id
     cross join lateral unnest(formula_names(parse_formula(d.formula))) n(name)
      left join alias a on a.name = n.name
      join signal s on s.name = n.name or s.id = a.signal_id
     where s.id <> all (o.met)
  )
  select o.path into circle from needed o where o.id = own.id limit 1;
  if circle is not null then
    raise exception using errcode = 'GG014', message = format('the formula of %L needs itself: %s', own.name, circle),
      hint = 'Define one of them without the others.';
  end if;
end
$$;

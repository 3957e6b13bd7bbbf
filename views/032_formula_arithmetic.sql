-- Formulas of derived signals, evaluated: the twin of POINTWISE in gilgamesh_db/formula/functions.py.
--
-- As in 020_calibration_functions.sql every operation is guarded: what PostgreSQL would raise for takes a slow way that
-- gives what IEEE 754 says. PostgreSQL holds NaN to be equal to itself and larger than all numbers; a formula does not.


-- What is a / b under IEEE 754, when PostgreSQL would raise on division by zero, overflow or underflow?
create function gilgamesh.ieee_quotient(a float8, b float8) returns float8
  language plpgsql immutable strict parallel safe
as $$
declare
  negative constant boolean := (a < 0 or a::text = '-0') <> (b < 0 or b::text = '-0');
begin
  if 'NaN' in (a, b) or a = 0 and b = 0 or abs(a) = 'Infinity' and abs(b) = 'Infinity' then
    return 'NaN';
  elsif b = 0 or abs(a) = 'Infinity' then
    return case when negative then '-Infinity' else 'Infinity' end;
  elsif a = 0 or abs(b) = 'Infinity' then
    return case when negative then '-0' else '0' end;
  elsif abs(b) < 1 and abs(a) > 2::float8 ^ -100 and (abs(a) * 2::float8 ^ -512) / (abs(b) * 2::float8 ^ 512) >= 1 then
    -- Made smaller by 2^1024 the quotient rounds alike, and is 1 where the real one leaves the range.
    return case when negative then '-Infinity' else 'Infinity' end;
  elsif abs(b) > 0.5 and abs(a) < 2::float8 ^ -40 and abs(a) * 2::float8 ^ 537 <= abs(b) * 2::float8 ^ -538 then
    -- At most half of the smallest number rounds to 0.
    return case when negative then '-0' else '0' end;
  end if;
  return a / b;
end
$$;

-- Where may an operand lie for the plain arithmetic to run? The other operand of a product or quotient has the same guard.
create function gilgamesh.operand_guard(operand text) returns text
  language sql immutable strict parallel safe
as $$ select pg_catalog.format('(abs(%1$s) between 1e-140::float8 and 1e140::float8 or %1$s in (0, ''Infinity'', ''-Infinity''))', operand) $$;

-- One operation as an SQL expression of its operands, which are columns or numbers (an exponent as it is written). Comparisons, "and", "or" and
-- "not" are booleans.
create function gilgamesh.operation_expression(operation text, x text[]) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  a constant text := x[1];
  b constant text := x[2];
  folded text;
begin
  case operation
    when 'neg' then return format('(- %s)', a);
    when 'abs' then return format('abs(%s)', a);
    when 'add', 'sub' then
      return format('case when abs(%1$s) > 9e291 and abs(%2$s) > 9e291 then gilgamesh.ieee_sum(%1$s, %3$s %2$s) else %1$s %4$s %2$s end',
                    a, b, case operation when 'sub' then '-' else '' end, case operation when 'sub' then '-' else '+' end);
    when 'mul' then
      return format('case when %s and %s then %s * %s else gilgamesh.ieee_product(%3$s, %4$s) end', operand_guard(a), operand_guard(b), a, b);
    when 'div' then
      return format('case when %s and %s and %4$s <> 0 then %3$s / %4$s else gilgamesh.ieee_quotient(%3$s, %4$s) end',
                    operand_guard(a), operand_guard(b), a, b);
    when 'pow' then
      return case when b::float8 = 0 then format('case when %s = ''NaN'' then ''NaN''::float8 else 1 end', a)
                  when b::float8 = 'NaN' then format('case when %s = 1 then 1 else ''NaN''::float8 end', a)
                  else format('gilgamesh.ieee_power(%s, %L::float8)', a, b) end;
    when 'sqrt' then return format('case when %1$s >= 0 then sqrt(%1$s) else ''NaN'' end', a);
    when 'exp' then return format('case when %1$s between -690 and 690 then exp(%1$s) else gilgamesh.ieee_exponential(%1$s) end', a);
    when 'log', 'log10' then
      return format('case when %1$s > 0 then %2$s(%1$s) when %1$s = 0 then ''-Infinity'' else ''NaN'' end', a,
                    case operation when 'log' then 'ln' else 'log' end);
    when 'sin', 'cos', 'tan' then
      return format('case when abs(%1$s) = ''Infinity'' then ''NaN'' else %2$s(%1$s) end', a, operation);
    when 'min', 'max' then
      folded := format('''NaN'' in (%s)', array_to_string(x, ', '));
      return format('case when %s then ''NaN'' else %s(%s) end', folded, case operation when 'min' then 'least' else 'greatest' end,
                    array_to_string(x, ', '));
    when 'clip' then
      return format('case when ''NaN'' in (%1$s, %2$s, %3$s) then ''NaN'' else least(greatest(%1$s, %2$s), %3$s) end', a, b, x[3]);
    when 'where' then return format('case when %s then %s else %s end', a, b, x[3]);
    when 'lt' then return format('(%1$s < %2$s and %2$s <> ''NaN'')', a, b);
    when 'le' then return format('(%1$s <= %2$s and %2$s <> ''NaN'')', a, b);
    when 'gt' then return format('(%1$s > %2$s and %1$s <> ''NaN'')', a, b);
    when 'ge' then return format('(%1$s >= %2$s and %1$s <> ''NaN'')', a, b);
    when 'eq' then return format('(%1$s = %2$s and %1$s <> ''NaN'')', a, b);
    when 'ne' then return format('(%1$s <> %2$s and ''NaN'' not in (%1$s, %2$s))', a, b);
    when 'and', 'or' then return format('(%s)', array_to_string(x, format(' %s ', operation)));
    when 'not' then return format('(not %s)', a);
  end case;
end
$$;

-- Is what an operation gives a truth value?
create function gilgamesh.gives_truth(tree jsonb) returns boolean
  language sql immutable strict parallel safe
as $$ select (tree ->> 0) in ('lt', 'le', 'gt', 'ge', 'eq', 'ne', 'and', 'or', 'not') $$;

-- A tree laid out in layers of columns, so that every part of it is computed once and stands by its name in what is
-- computed of it. The layout is {"columns": {part: name}, "heights": {name: layer}, "layers": [[expression, …], …]}.
create function gilgamesh.laid_out(tree jsonb, layout jsonb) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  operands text[] := '{}';
  layer integer := 0;
  part jsonb;
  named text;
begin
  if layout -> 'columns' ? tree::text then
    return layout;
  elsif tree ->> 0 = 'number' then
    return jsonb_set(layout, array['columns', tree::text], to_jsonb(format('(%L::float8)', tree ->> 1)));
  end if;
  for i in 1 .. jsonb_array_length(tree) - 1 loop
    part := tree -> i;
    if tree ->> 0 = 'pow' and i = 2 then
      operands := operands || (part ->> 1);
      exit;
    end if;
    layout := laid_out(part, layout);
    named := layout -> 'columns' ->> part::text;
    layer := greatest(layer, coalesce((layout -> 'heights' ->> named)::integer + 1, 0));
    operands := operands || case when gives_truth(part) and tree ->> 0 not in ('and', 'or', 'not') and not (tree ->> 0 = 'where' and i = 1)
                                 then format('(%s::integer::float8)', named) else named end;
  end loop;
  named := 't' || (select count(*) from jsonb_object_keys(layout -> 'columns'));
  layout := jsonb_set(layout, array['columns', tree::text], to_jsonb(named));
  layout := jsonb_set(layout, array['heights', named], to_jsonb(layer));
  if layout -> 'layers' -> layer is null then
    layout := jsonb_set(layout, array['layers', layer::text], '[]');
  end if;
  return jsonb_insert(layout, array['layers', layer::text, '-1'],
                      to_jsonb(operation_expression(tree ->> 0, operands) || ' as ' || named), true);
end
$$;

-- The statement that evaluates formulas one after the other, the last being asked for. $1 holds the inputs, one row each;
-- "lets" are [{"name": …, "tree": …}, …], "inputs" the names of the inputs, "known" what each other name stands for.
create function gilgamesh.formula_statement(program jsonb) returns text
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  layout jsonb := '{"columns": {}, "heights": {}, "layers": []}';
  columns jsonb;       -- the column that holds each signal
  step jsonb;
  last jsonb;
  statement text;
  layer jsonb;
  n integer := 0;
begin
  select coalesce(jsonb_object_agg(name, 'x' || k), '{}') into columns
    from jsonb_array_elements_text(program -> 'inputs') with ordinality i(name, k);
  statement := format('select * from unnest(%s) as u(%s)',
    (select string_agg(format('($1)[%s:%1$s]', k), ', ' order by k) from generate_series(1, jsonb_array_length(program -> 'inputs')) k),
    (select string_agg('x' || k, ', ' order by k) from generate_series(1, jsonb_array_length(program -> 'inputs')) k));
  for step in select value from jsonb_array_elements(program -> 'lets') loop
    -- The signals it names stand in columns already.
    layout := jsonb_set(layout, '{columns}', (layout -> 'columns') || (
      select coalesce(jsonb_object_agg(jsonb_build_array('load', n.name)::text, columns -> coalesce(program -> 'known' ->> n.name, n.name)), '{}')
        from unnest(formula_names(step -> 'tree')) n(name)));
    layout := laid_out(step -> 'tree', layout);
    last := layout -> 'columns' -> ((step -> 'tree')::text);
    if gives_truth(step -> 'tree') then
      last := to_jsonb(format('(%s::integer::float8)', last #>> '{}'));
    end if;
    columns := columns || jsonb_build_object(step ->> 'name', last);
    -- In what is computed of it, it stands as high as its column.
    layout := jsonb_set(layout, '{heights}', (layout -> 'heights')
      || jsonb_build_object(last #>> '{}', coalesce(layout -> 'heights' -> (layout -> 'columns' ->> ((step -> 'tree')::text)), '-1')));
  end loop;
  for layer in select value from jsonb_array_elements(layout -> 'layers') loop
    n := n + 1;
    -- offset 0 keeps the planner from writing a part out wherever it is used.
    statement := format('select *, %s from (%s offset 0) as s%s',
                        (select string_agg(e, ', ') from jsonb_array_elements_text(layer) e), statement, n);
  end loop;
  return format('select array(select %s from (%s) as s)', last #>> '{}', statement);
end
$$;

-- Formulas of derived signals, read: the twin of gilgamesh_db/formula/parse.py. Tests hold the two together.
--
-- A formula becomes a tree of lists, such as ["sub", ["load", "IC_Pfwd"], ["load", "IC_Pref"]]. The text is read by
-- the precedence of its operators (Dijkstra's two stacks) and never executed.


-- Which functions may a formula call, with how few and how many arguments, and which need the whole record?
create function gilgamesh.formula_functions() returns jsonb
  language sql immutable parallel safe
as $$ select '{
  "abs": [1, 1, "same"], "sqrt": [1, 1, "root"], "exp": [1, 1, "number"], "log": [1, 1, "number"],
  "log10": [1, 1, "number"], "sin": [1, 1, "angle"], "cos": [1, 1, "angle"], "tan": [1, 1, "angle"],
  "min": [2, 16, "same"], "max": [2, 16, "same"], "clip": [3, 3, "same"], "where": [3, 3, "where"],
  "diff": [1, 1, "rate"], "integral": [1, 1, "area"], "smooth": [2, 2, "first"], "mean": [1, 3, "first"]
}'::jsonb $$;

-- Refuse a formula, in words.
create function gilgamesh.refuse_formula(formula text, why text, hint text default 'Write it like: IC_Pfwd - IC_Pref') returns void
  language plpgsql immutable parallel safe
as $$
begin
  raise exception using errcode = 'GG014', message = pg_catalog.format('the formula %L cannot be read: %s', formula, why), hint = hint;
end
$$;

-- A number as it is written in a formula; what is too large is infinite, what is too small 0.
create function gilgamesh.formula_number(written text) returns jsonb
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select to_jsonb(case when abs(n) > 1.7976931348623158e308 then 'Infinity' when abs(n) < 2.47e-324 then 0
                       else n::text::float8 end)
    from (select replace(written, '_', '')::numeric as n) x
$$;

-- Comparisons that follow each other, a < b < c, as those of neighbours joined by "and".
create function gilgamesh.unchained(node jsonb) returns jsonb
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case when node ->> 0 <> 'chain' then node
              when jsonb_array_length(node) = 4 then jsonb_build_array(node -> 2, node -> 1, node -> 3)
              else (select jsonb_build_array('and') || jsonb_agg(jsonb_build_array(node -> k, node -> (k - 1), node -> (k + 1)) order by k)
                      from generate_series(2, jsonb_array_length(node) - 2, 2) k) end
$$;

-- A formula as a tree; raises GG014 where it is none. What follows a # is a remark. (A whole number is written in decimal
-- digits; the 0x1F of Python is refused.)
create function gilgamesh.parse_formula(formula text) returns jsonb
  language plpgsql immutable strict parallel safe
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  infix constant jsonb := '{"or": "or", "and": "and", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
                            "+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}';
  binding constant jsonb := '{"or": 1, "and": 2, "not": 3, "lt": 4, "le": 4, "gt": 4, "ge": 4, "eq": 4, "ne": 4,
                              "add": 5, "sub": 5, "mul": 6, "div": 6, "neg": 7, "pow": 8}';
  constants constant jsonb := '{"pi": 3.141592653589793, "inf": "Infinity", "nan": "NaN"}';
  functions constant jsonb := formula_functions();
  tokens text[];
  token text;
  kind text;
  at integer := 1;
  wanted boolean := true;       -- a value comes next, not an operator
  operands jsonb[] := '{}';
  operators text[] := '{}';     -- names of operations; '(' and 'name(' are open brackets
  given integer[] := '{}';      -- arguments so far, one for each open bracket
  top text;
  node jsonb;
  weight integer;
  n integer;
begin
  if btrim(formula) = '' then
    perform refuse_formula(formula, 'it is empty');
  elsif length(formula) > 4000 then
    perform refuse_formula(left(formula, 40) || '…', format('it has %s characters; at most 4000 are read', length(formula)));
  end if;
  tokens := array(select m[1] from regexp_matches(regexp_replace(formula, '#.*$', ''),
    '((?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?|[A-Za-z_][A-Za-z0-9_]*|''[^'']*''|"[^"]*"|\*\*|[=!<>]=|\S)', 'g') m)
    || array[')'];              -- closes what is left open; the bracket that never was must be met last
  while at <= cardinality(tokens) loop
    token := tokens[at];
    kind := case when token ~ '^\.?\d' then 'number' when token in ('and', 'or') then 'infix'
                 when token ~ '^[A-Za-z_]' then 'name' when infix ? token then 'infix' else token end;
    if wanted then
      if kind = 'number' then
        if token ~ '^0[0-9_]*[1-9]' and token !~ '[.eE]' or token ~ '__|_$|_[.eE]|[.eE]_' or token ~ '[eE][-+]?\d{5}' then
          perform refuse_formula(formula, format('%s is not a number', token));
        end if;
        operands := operands || jsonb_build_array('number', formula_number(token));
        wanted := false;
      elsif token = 'not' then
        top := operators[cardinality(operators)];
        if top is not null and right(top, 1) <> '(' and top not in ('and', 'or', 'not') then
          perform refuse_formula(formula, 'a "not" stands behind an operator; put it into brackets');
        end if;
        operators := operators || 'not'::text;
      elsif token = 'quantity' and tokens[at + 1] = '(' then
        if coalesce(tokens[at + 2] !~ '^\.?\d' or tokens[at + 3] <> ',' or tokens[at + 4] !~ '^[''"]' or length(tokens[at + 4]) < 2
                    or tokens[at + 5] <> ')', true) then
          perform refuse_formula(formula, 'a number with a unit is written quantity(2.5, ''kW'')');
        end if;
        operands := operands || jsonb_build_array('quantity', formula_number(tokens[at + 2]), btrim(tokens[at + 4], '''"'));
        at := at + 5;
        wanted := false;
      elsif kind = 'name' and tokens[at + 1] = '(' and at + 1 < cardinality(tokens) then
        if not functions ? token then
          perform refuse_formula(formula, format('there is no function %L', token), 'There are: ' || (
            select string_agg(k, ', ' order by k collate "C") from jsonb_object_keys(functions) k));
        end if;
        operators := operators || (token || '(');
        given := given || 0;
        at := at + 1;
      elsif kind = 'name' and token in ('True', 'False', 'None', 'if', 'else', 'in', 'is', 'lambda', 'for', 'await', 'yield') then
        perform refuse_formula(formula, format('%s has no meaning in it', token));
      elsif kind = 'name' then
        operands := operands || case when constants ? token then jsonb_build_array('number', constants -> token)
                                     else jsonb_build_array('load', token) end;
        wanted := false;
      elsif token = '-' then
        operators := operators || 'neg'::text;
      elsif token = '+' then
        null;
      elsif token = '(' then
        operators := operators || '('::text;
        given := given || 0;
      elsif token = ')' and at < cardinality(tokens) and given[cardinality(given)] > 0
            and right(operators[cardinality(operators)], 1) = '(' then
        -- A comma before the closing bracket.
        wanted := false;
        given[cardinality(given)] := given[cardinality(given)] - 1;
        continue;
      else
        perform refuse_formula(formula, case when at = cardinality(tokens) then 'it ends too early'
                                             else format('a value is missing before %s', token) end);
      end if;
    elsif kind = 'infix' or token in (',', ')') then
      weight := coalesce((binding ->> (infix ->> token))::integer, 0);
      -- What binds at least as tightly is done first.
      loop
        top := operators[cardinality(operators)];
        exit when top is null or right(top, 1) = '(' or (binding ->> top)::integer < weight or (weight = 8 and top = 'pow');
        n := cardinality(operands);
        if top in ('neg', 'not') then
          node := unchained(operands[n]);
          operands[n] := case when top = 'neg' and node ->> 0 = 'number'
                              then jsonb_build_array('number', minus_number(node -> 1)) else jsonb_build_array(top, node) end;
        elsif binding -> top = '4' then
          operands := operands[: n - 2] || case when operands[n - 1] ->> 0 = 'chain'
                                                then operands[n - 1] || jsonb_build_array(top, operands[n])
                                                else jsonb_build_array('chain', operands[n - 1], top, operands[n]) end;
        else
          operands := operands[: n - 2] || jsonb_build_array(top, unchained(operands[n - 1]), unchained(operands[n]));
        end if;
        operators := operators[: cardinality(operators) - 1];
      end loop;
      if kind = 'infix' then
        operators := operators || (infix ->> token);
        wanted := true;
      else
        if top is null and token = ')' and at = cardinality(tokens) then
          return unchained(operands[1]);
        end if;
        if top is null or token = ',' and top = '(' or at = cardinality(tokens) then
          perform refuse_formula(formula, case when top is null or top = '(' and token = ',' then format('%s closes nothing', token)
                                               else 'a bracket is left open' end);
        end if;
        n := cardinality(operands);
        operands[n] := unchained(operands[n]);
        given[cardinality(given)] := given[cardinality(given)] + 1;
        if token = ',' then
          wanted := true;
        else
          if top <> '(' then
            top := rtrim(top, '(');
            n := given[cardinality(given)];
            if n not between (functions -> top ->> 0)::integer and (functions -> top ->> 1)::integer or top = 'mean' and n = 2 then
              perform refuse_formula(formula, format('%s is given %s argument%s', top, n, case when n = 1 then '' else 's' end));
            end if;
            operands := operands[: cardinality(operands) - n]
                        || (jsonb_build_array(top) || to_jsonb(operands[cardinality(operands) - n + 1 :]));
          end if;
          operators := operators[: cardinality(operators) - 1];
          given := given[: cardinality(given) - 1];
        end if;
      end if;
    else
      perform refuse_formula(formula, format('an operator is missing before %s', token));
    end if;
    at := at + 1;
  end loop;
end
$$;

-- A number of the opposite sign; a zero keeps it as text, for a number in jsonb cannot.
create function gilgamesh.minus_number(number jsonb) returns jsonb
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case when x = 0 and x::text = '0' then to_jsonb('-0'::text) else to_jsonb(-x) end
    from (select (number #>> '{}')::float8 as x) n
$$;

-- Which names stand in a tree, in the order they are met?
create function gilgamesh.formula_names(tree jsonb) returns text[]
  language sql immutable strict parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  with recursive part as (
    select tree as node, '{}'::integer[] as path
    union all
    select child.node, part.path || child.n::integer
      from part
     cross join lateral jsonb_array_elements(part.node) with ordinality child(node, n)
     where jsonb_typeof(part.node) = 'array' and part.node ->> 0 <> 'load' and jsonb_typeof(child.node) = 'array'
  )
  select coalesce(array_agg(name order by path), '{}')
    from (select node ->> 1 as name, min(path) as path from part where node ->> 0 = 'load' group by 1) met
$$;

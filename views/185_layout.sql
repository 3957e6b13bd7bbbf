-- Layouts of overviews and dashboards.

-- Keep a layout; one of this name is replaced. Every panel names signals that exist, by name or alias.
create function gilgamesh.set_layout(name text, panels jsonb) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  panel jsonb;
  wanted text;
begin
  if jsonb_typeof(set_layout.panels) is distinct from 'array' then
    raise exception using errcode = 'GG008', message = 'a layout is a list of panels',
      hint = 'Write it as [{"signals": ["Lang_U", "Lang_I"], "title": "probe"}].';
  end if;
  for panel in select * from jsonb_array_elements(set_layout.panels) loop
    if jsonb_typeof(panel -> 'signals') is distinct from 'array' or panel -> 'signals' = '[]' then
      raise exception using errcode = 'GG008', message = format('the panel %s names no signals', panel),
        hint = 'Write it as {"signals": ["Lang_U", "Lang_I"], "title": "probe"}.';
    end if;
    if panel - array['signals', 'title', 'low', 'high'] <> '{}'
       or coalesce(jsonb_typeof(panel -> 'title'), 'string') <> 'string'
       or coalesce(jsonb_typeof(panel -> 'low'), 'number') not in ('number', 'null')
       or coalesce(jsonb_typeof(panel -> 'high'), 'number') not in ('number', 'null')
       or (panel ->> 'low')::float8 >= (panel ->> 'high')::float8 then
      raise exception using errcode = 'GG008', message = format('the panel %s cannot be drawn', panel),
        hint = 'A panel has signals and, if wanted, title (text), low and high (numbers, low below high).';
    end if;
    for wanted in select * from jsonb_array_elements_text(panel -> 'signals') loop
      if not exists (select from signal s where s.name = wanted) and not exists (select from alias a where a.name = wanted) then
        raise exception using errcode = 'GG001', message = format('no signal %L for the layout %L', wanted, set_layout.name),
          hint = 'List them with: gilgamesh signals';
      end if;
    end loop;
  end loop;
  insert into layout (name, panels, edited_at, edited_by)
       values (set_layout.name, set_layout.panels, clock_timestamp(), acting_role())
  on conflict on constraint layout_pkey
    do update set panels = excluded.panels, edited_at = excluded.edited_at, edited_by = excluded.edited_by;
end
$$;

comment on function gilgamesh.set_layout(text, jsonb) is 'Keeps a layout of overviews and dashboards; one of this name is replaced.';

-- Forget a layout. Was there one?
create function gilgamesh.drop_layout(name text) returns boolean
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  delete from layout l where l.name = drop_layout.name;
  return found;
end
$$;

comment on function gilgamesh.drop_layout(text) is 'Forgets a layout; false when there was none.';

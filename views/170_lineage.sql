-- Which stored thing depends on which signal of which shot? Whoever changes the signal asks here what that touches.

-- Which signals are named in a formula or in the rule of an attribute, directly or through derived signals?
create view gilgamesh.formula_input with (security_invoker = true) as
with recursive named as (
  select s.name, s.id as signal_id from gilgamesh.signal s
  union all
  select a.name, a.signal_id from gilgamesh.alias a
), direct as (
  select distinct d.signal_id, named.signal_id as input_id
    from gilgamesh.definition d
   cross join lateral regexp_matches(d.formula, '[A-Za-z_][A-Za-z0-9_]*', 'g') word
    join named on named.name = word[1]
   where d.recorded @> (select gilgamesh.known_at())
), deep as (
  select direct.signal_id, direct.input_id from direct
  union
  select deep.signal_id, direct.input_id from deep join direct on direct.signal_id = deep.input_id
)
select 'signal' as kind, deep.signal_id as id, deep.input_id as signal_id from deep
union
select 'attribute', a.id, named.signal_id
  from gilgamesh.attribute a
 cross join lateral regexp_matches(a.rule, '[A-Za-z_][A-Za-z0-9_]*', 'g') word
  join named on named.name = word[1]
union
select 'attribute', a.id, deep.input_id
  from gilgamesh.attribute a
 cross join lateral regexp_matches(a.rule, '[A-Za-z_][A-Za-z0-9_]*', 'g') word
  join named on named.name = word[1]
  join deep on deep.signal_id = named.signal_id;

comment on view gilgamesh.formula_input is
  'Which signals a derived signal or a computed attribute is made of, directly and through other derived signals.';
comment on column gilgamesh.formula_input.kind is 'signal or attribute: what id names.';
comment on column gilgamesh.formula_input.id is 'The derived signal or the attribute.';
comment on column gilgamesh.formula_input.signal_id is 'A signal that stands in its formula, or in that of one that does.';

create view gilgamesh.lineage with (security_invoker = true) as
select 'attribute' as kind, a.name, v.id, v.shot, i.shot as input_shot, s.id as signal_id, s.name as signal
  from gilgamesh.attribute_input i
  join gilgamesh.attribute_value v on v.id = i.value_id and v.recorded @> (select gilgamesh.known_at())
  join gilgamesh.attribute a on a.id = v.attribute_id
  join gilgamesh.signal s on s.id = i.signal_id
union all
select 'run', r.method, r.id, r.shot, i.shot, s.id, s.name
  from gilgamesh.run r
  join gilgamesh.run_input i on i.run_id = r.id
  join gilgamesh.signal s on s.id = i.signal_id
union all
select 'citation', k.key, c.id, c.shot, se.shot, s.id, s.name
  from gilgamesh.data_citation c
  join gilgamesh.reference k on k.id = c.reference_id
  join gilgamesh.data_citation_input i on i.citation_id = c.id
  join gilgamesh.series se on se.id = i.series_id
  join gilgamesh.signal s on s.id = i.signal_id
union all
-- The records behind a derived signal do not tell of its formula.
select 'citation', k.key, c.id, c.shot, c.shot, s.id, s.name
  from gilgamesh.data_citation c
  join gilgamesh.reference k on k.id = c.reference_id
  join gilgamesh.signal s on s.id = c.signal_id and s.kind = 'derived'
union all
-- The latest version of a notebook tells what it reads; one whose outputs were cleared tells nothing, so the last that did.
select 'notebook', v.path, v.id, null, i.shot, s.id, s.name
  from gilgamesh.notebook_input i
  join gilgamesh.notebook_version v on v.id = i.version_id
  join gilgamesh.signal s on s.id = i.signal_id
 where not exists (
   select from gilgamesh.notebook_version w
    where w.path = v.path and w.number > v.number
      and (w.sha256 is null or exists (select from gilgamesh.notebook_input j where j.version_id = w.id)));

comment on view gilgamesh.lineage is
  'Which stored thing (computed attribute, run …) was made from which signal of which shot. Give signal and input_shot to ask what a change would touch.';
comment on column gilgamesh.lineage.kind is 'attribute, run, citation or notebook.';
comment on column gilgamesh.lineage.name is 'Name of the attribute, method of the run, key of the citation, path of the notebook.';
comment on column gilgamesh.lineage.id is 'Identity of the attribute value, run, citation or notebook version.';
comment on column gilgamesh.lineage.shot is 'The shot it tells about; null for a notebook.';
comment on column gilgamesh.lineage.input_shot is 'The shot it was made from.';
comment on column gilgamesh.lineage.signal_id is 'Identity of the signal it was made from.';
comment on column gilgamesh.lineage.signal is 'Name of that signal.';

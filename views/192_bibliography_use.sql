-- Who stands on which reference?

-- Which versions of notebooks cite a key, and which calibrations and runs name it as their source?
create view gilgamesh.bibliography_use with (security_invoker = true) as
select c.key, 'notebook' as kind, v.path as name, v.number as version, v.id, v.author, v.created_at as stated_at,
       not exists (select from gilgamesh.notebook_version w where w.path = v.path and w.number > v.number) as current,
       exists (select from gilgamesh.reference r where r.key = c.key) as known
  from gilgamesh.notebook_citation c
  join gilgamesh.notebook_version v on v.id = c.version_id
union all
select r.key, 'calibration', i.name, null, c.id, e.author, e.recorded_at, c.recorded @> (select gilgamesh.known_at()), true
  from gilgamesh.calibration c
  join gilgamesh.reference r on r.key = c.source
  join gilgamesh.component i on i.id = c.component_id
  join gilgamesh.edit e on e.id = c.edit_id
 where lower(c.recorded) <= (select gilgamesh.known_at())
union all
select r.key, 'run', n.method, null, n.id, n.author, n.started_at, true, true
  from gilgamesh.run n
  join gilgamesh.reference r on r.key = n.parameters ->> 'source';

comment on view gilgamesh.bibliography_use is
  'Where a reference is used: notebooks that cite it, calibrations and runs that name it as their source. Where not known, a key is cited that stands for nothing.';
comment on column gilgamesh.bibliography_use.key is 'What stands in \citep[key], or in the source of a calibration.';
comment on column gilgamesh.bibliography_use.kind is 'notebook, calibration or run.';
comment on column gilgamesh.bibliography_use.name is 'Path of the notebook, name of the calibrated item, method of the run.';
comment on column gilgamesh.bibliography_use.version is 'Version of the notebook.';
comment on column gilgamesh.bibliography_use.id is 'Identity of the notebook version, calibration or run.';
comment on column gilgamesh.bibliography_use.author is 'Who wrote it.';
comment on column gilgamesh.bibliography_use.stated_at is 'When.';
comment on column gilgamesh.bibliography_use.current is 'Whether it is the latest version of the notebook, or a calibration that is believed.';
comment on column gilgamesh.bibliography_use.known is 'Whether the key stands for something.';

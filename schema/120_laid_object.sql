-- Which views, functions and triggers are ours: they are dropped and laid anew at each upgrade, and nothing else is.

create table gilgamesh.laid_object (
  identity text primary key,
  kind     text not null,
  constraint laid_object_kind_known check (kind in ('view', 'function', 'trigger'))
);

comment on table gilgamesh.laid_object is
  'The views, functions and triggers that the software laid. Others in this schema stop an upgrade: keep your own in a schema of yours.';
comment on column gilgamesh.laid_object.identity is 'Its name as pg_identify_object gives it.';
comment on column gilgamesh.laid_object.kind is 'view, function or trigger.';

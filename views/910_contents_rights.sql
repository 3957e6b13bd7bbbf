-- Whoever may read the testbed may keep notebooks; whose rows they see is the policies' matter (schema/180_contents.sql).
do $$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'gilgamesh_reader') then
    grant usage on schema pgcontents to gilgamesh_reader;
    grant select, insert, update, delete on all tables in schema pgcontents to gilgamesh_reader;
  end if;
end
$$;

-- Who may do what. The roles belong to the server, not to the database; a server whose owner may not create roles
-- simply has none of them, and the grants are skipped.
--   gilgamesh_reader    reads everything (analysts, notebooks)
--   gilgamesh_operator  also loads shots and edits the history, through the functions only
--   gilgamesh_admin     also says who the persons are and what they may do
-- The passwords of persons and the hashes of what lets them in are read by the owner alone.

do $$
declare
  lacking text;
begin
  foreach lacking in array array['gilgamesh_reader', 'gilgamesh_operator', 'gilgamesh_admin'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = lacking) then
      begin
        execute pg_catalog.format('create role %I nologin', lacking);
      exception
        when insufficient_privilege then
          raise notice 'role % was not created: % may not create roles', lacking, current_user;
        when duplicate_object or unique_violation then
          null;  -- another database of this server was installed at the same moment
      end;
    end if;
  end loop;
end
$$;

-- Functions are everybody's by default; ours are not. What only reads (stable, immutable) is for readers, what edits
-- (volatile) for operators, the unchecked decoders for nobody.
do $$
declare
  f regprocedure;
  reader boolean := exists (select from pg_catalog.pg_roles where rolname = 'gilgamesh_reader');
  operator boolean := exists (select from pg_catalog.pg_roles where rolname = 'gilgamesh_operator');
  admin boolean := exists (select from pg_catalog.pg_roles where rolname = 'gilgamesh_admin');
  of_admins text[] := array['create_person', 'set_level', 'set_active', 'invite_person'];
  of_the_owner text[] := array['note_audit', 'lay_person_role', 'keep_an_admin', 'person_named'];
  part regclass;
begin
  for f in select p.oid from pg_catalog.pg_proc p
            where p.pronamespace = 'gilgamesh'::regnamespace and p.proname !~ '^unchecked_' loop
    execute pg_catalog.format('revoke all on function %s from public', f);
    continue when (select p.proname = any(of_admins || of_the_owner) from pg_catalog.pg_proc p where p.oid = f);
    if reader and (select p.provolatile <> 'v' from pg_catalog.pg_proc p where p.oid = f) then
      execute pg_catalog.format('grant execute on function %s to gilgamesh_reader', f);
    end if;
    if operator then
      execute pg_catalog.format('grant execute on function %s to gilgamesh_operator', f);
    end if;
  end loop;
  if reader then
    grant usage on schema gilgamesh to gilgamesh_reader;
    grant select on all tables in schema gilgamesh to gilgamesh_reader;
  end if;
  if operator then
    if reader then
      begin
        grant gilgamesh_reader to gilgamesh_operator;
      exception when insufficient_privilege then
        null;  -- the roles were made by somebody else, who granted it
      end;
    end if;
    grant usage on schema gilgamesh to gilgamesh_operator;
    -- Samples are written by COPY, and never changed.
    grant insert on gilgamesh.shot, gilgamesh.program, gilgamesh.source, gilgamesh.series, gilgamesh.run,
      gilgamesh.run_input, gilgamesh.unit to gilgamesh_operator;
    -- Made once; triggers refuse any change.
    grant insert on gilgamesh.release, gilgamesh.data_citation, gilgamesh.data_citation_input, gilgamesh.reference to gilgamesh_operator;
    grant insert on gilgamesh.segment, gilgamesh.pyramid to gilgamesh_operator;
    -- A queue, not history: entries are settled, retried and forgotten.
    grant insert, update, delete on gilgamesh.arrival to gilgamesh_operator;
    grant update (duration, status, program_id) on gilgamesh.shot to gilgamesh_operator;
    -- Alembic keeps the revision of the testbed in it.
    grant insert, update, delete on gilgamesh.testbed_version to gilgamesh_operator;
    grant select on all tables in schema gilgamesh to gilgamesh_operator;
  end if;
  if admin then
    begin
      grant gilgamesh_operator to gilgamesh_admin;
    exception when insufficient_privilege then
      null;
    end;
    for f in select p.oid from pg_catalog.pg_proc p
              where p.pronamespace = 'gilgamesh'::regnamespace and p.proname = any(of_admins) loop
      execute pg_catalog.format('grant execute on function %s to gilgamesh_admin', f);
    end loop;
    grant select on gilgamesh.audit to gilgamesh_admin;
    grant select (id, kind, person, label, created_at, created_by, expires_at, used_at, ended_at)
      on gilgamesh.credential to gilgamesh_admin;
  end if;
  if reader then
    revoke all on gilgamesh.person, gilgamesh.credential, gilgamesh.audit from gilgamesh_reader;
    grant select (name, level, full_name, active, created_at) on gilgamesh.person to gilgamesh_reader;
  end if;
  if operator then
    revoke all on gilgamesh.person, gilgamesh.credential, gilgamesh.audit from gilgamesh_operator;
  end if;
end
$$;

-- A restored dump knows its persons but not their roles, which belong to the server.
do $$
declare
  who gilgamesh.person;
begin
  for who in select * from gilgamesh.person order by name loop
    begin
      perform gilgamesh.lay_person_role(who);
    exception when sqlstate 'GG008' or sqlstate 'GG009' then
      raise notice '%', sqlerrm;
    end;
  end loop;
end
$$;

-- Persons and what they may do: a row, a PostgreSQL role of the same name, and its membership in one of our three roles.

-- Note what concerned a person. The service that lets people in notes their logins by this, too.
create function gilgamesh.note_audit(action text, person text default null, detail text default '', address text default null,
                                     actor text default null)
  returns void
  language sql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
  insert into gilgamesh.audit (actor, action, person, detail, address)
       values (coalesce(actor, gilgamesh.acting_role()), action, person, coalesce(detail, ''), address);
$$;

-- Let the PostgreSQL role of a person be what its row says. A role of this name that is not one of ours is never taken over.
create function gilgamesh.lay_person_role(who gilgamesh.person) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  wanted text := 'gilgamesh_' || who.level;
  there pg_roles;
  level_role text;
begin
  select * into there from pg_roles r where r.rolname = who.name;
  if there.rolname is null then
    execute format('create role %I', who.name);
    -- The owner who is no superuser may take on the role of whom it made.
    if not (select rolsuper from pg_roles where rolname = current_user) then
      execute format('grant %I to %I', who.name, current_user)
        || case when current_setting('server_version_num')::int >= 160000 then ' with inherit false, set true' else '' end;
    end if;
  elsif there.rolsuper or there.rolcreaterole or there.rolcreatedb or there.rolreplication or there.rolbypassrls
     or not exists (select from pg_auth_members m
                      join pg_roles g on g.oid = m.roleid and g.rolname in ('gilgamesh_reader', 'gilgamesh_operator', 'gilgamesh_admin')
                     where m.member = there.oid)
    and not coalesce(shobj_description(there.oid, 'pg_authid') = 'a person of gilgamesh', false) then
    raise exception using errcode = 'GG009', message = format('the server has a role %L that is not a person of this testbed', who.name),
      hint = format('Choose another name; or let the owner of the server say that it is one: grant gilgamesh_reader to %I', who.name);
  end if;
  execute format('comment on role %I is %L', who.name, 'a person of gilgamesh');
  execute format('alter role %I %s', who.name, case when who.active then 'login' else 'nologin' end);
  foreach level_role in array array['gilgamesh_reader', 'gilgamesh_operator', 'gilgamesh_admin'] loop
    if who.active and level_role = wanted then
      execute format('grant %I to %I', level_role, who.name);
    elsif exists (select from pg_auth_members m where m.roleid = to_regrole(level_role) and m.member = to_regrole(quote_ident(who.name))) then
      execute format('revoke %I from %I', level_role, who.name);
    end if;
  end loop;
exception when insufficient_privilege then
  raise exception using errcode = 'GG008',
    message = format('%L owns this database and may not create roles, so nobody can be made a person here (%s)', current_user, sqlerrm),
    hint = format('Let the administrator of the server type: alter role %I createrole', current_user);
end
$$;

-- Which person is called this?
create function gilgamesh.person_named(name text) returns gilgamesh.person
  language plpgsql security definer stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  found_person person;
begin
  select * into found_person from person p where p.name = person_named.name;
  if found_person.name is null then
    raise exception using errcode = 'GG021', message = format('there is no person %L', person_named.name),
      hint = 'List them with: gilgamesh person list';
  end if;
  found_person.password_hash := null;
  return found_person;
end
$$;

-- Somebody must be left who can let others in.
create function gilgamesh.keep_an_admin(name text) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform from person p where p.level = 'admin' and p.active order by p.name for update;
  if not exists (select from person p where p.level = 'admin' and p.active and p.name <> keep_an_admin.name)
     and exists (select from person p where p.level = 'admin' and p.active and p.name = keep_an_admin.name) then
    raise exception using errcode = 'GG009', message = format('%L is the only admin', keep_an_admin.name),
      hint = 'Make somebody else an admin first.';
  end if;
end
$$;

-- Make a person known, with a role that may do what the level says. They log in once they accepted an invitation.
create function gilgamesh.create_person(name text, level text default 'reader', full_name text default '') returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  made person;
begin
  if create_person.name is null or create_person.name !~ '^[a-z][a-z0-9_-]{0,31}$' or create_person.name ~ '^(pg_|gilgamesh)' then
    raise exception using errcode = 'GG008', message = format('%L cannot be the name of a person', left(create_person.name, 64)),
      hint = 'Use up to 32 small letters, digits, dashes and underscores, beginning with a letter: it is also the name of a database role.';
  end if;
  if create_person.level is null or create_person.level not in ('reader', 'operator', 'admin') then
    raise exception using errcode = 'GG008', message = format('%L is not a level', create_person.level),
      hint = 'Say one of: reader, operator, admin.';
  end if;
  insert into person (name, level, full_name) values (create_person.name, create_person.level, btrim(coalesce(create_person.full_name, '')))
  on conflict do nothing returning * into made;
  if made.name is null then
    raise exception using errcode = 'GG009', message = format('there is a person %L already', create_person.name),
      hint = 'Invite them again with: gilgamesh person invite ' || create_person.name;
  end if;
  perform lay_person_role(made);
  perform note_audit('created', made.name, made.level);
end
$$;

-- Let a person do more, or less.
create function gilgamesh.set_level(name text, level text) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  before person := person_named(set_level.name);
  after person;
begin
  if set_level.level is null or set_level.level not in ('reader', 'operator', 'admin') then
    raise exception using errcode = 'GG008', message = format('%L is not a level', set_level.level),
      hint = 'Say one of: reader, operator, admin.';
  end if;
  if set_level.level <> 'admin' then
    perform keep_an_admin(set_level.name);
  end if;
  update person p set level = set_level.level where p.name = set_level.name returning * into after;
  perform lay_person_role(after);
  perform note_audit('level', after.name, format('%s, before %s', after.level, before.level));
end
$$;

-- Take from a person every right and every way in, at once; or let them in again. The person stays known: the history names them.
create function gilgamesh.set_active(name text, active boolean) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  who person := person_named(set_active.name);
begin
  if set_active.active is not true then
    perform keep_an_admin(who.name);
    update credential c set ended_at = clock_timestamp() where c.person = who.name and c.ended_at is null;
  end if;
  update person p set active = coalesce(set_active.active, false) where p.name = who.name returning * into who;
  perform lay_person_role(who);
  if not who.active then
    begin
      perform pg_terminate_backend(a.pid) from pg_stat_activity a where a.usename = who.name;
    exception when insufficient_privilege then
      null;  -- an owner who is no superuser: what is open now may end what it does, and do nothing more
    end;
  end if;
  perform note_audit(case when who.active then 'let in again' else 'shut out' end, who.name);
end
$$;

-- Hand out an invitation: whoever shows the secret of this hash sets the password of the person. Older ones stop to work.
create function gilgamesh.invite_person(name text, sha256 bytea, valid_for interval default '7 days') returns timestamptz
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  who person := person_named(invite_person.name);
  ends timestamptz := now() + invite_person.valid_for;
begin
  if not who.active then
    raise exception using errcode = 'GG009', message = format('%L was shut out', who.name),
      hint = 'Let them in again first: gilgamesh person activate ' || who.name;
  end if;
  update credential c set ended_at = clock_timestamp() where c.person = who.name and c.kind = 'invitation' and c.ended_at is null;
  insert into credential (kind, person, sha256, created_by, expires_at)
       values ('invitation', who.name, invite_person.sha256, acting_role(), ends);
  perform note_audit('invited', who.name, 'until ' || to_char(ends at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'));
  return ends;
end
$$;

-- Who is there, and may do what? Without anything secret.
create view gilgamesh.persons with (security_invoker = true) as
select p.name as person, p.level, p.full_name, p.active, p.created_at
  from gilgamesh.person p;

comment on view gilgamesh.persons is 'People who log in, and what they may do.';
comment on column gilgamesh.persons.person is 'Name of the person, and of the PostgreSQL role.';
comment on column gilgamesh.persons.level is 'reader, operator or admin.';
comment on column gilgamesh.persons.full_name is 'As it is written in a letter.';
comment on column gilgamesh.persons.active is 'False: may not log in any more.';
comment on column gilgamesh.persons.created_at is 'When the person became known.';

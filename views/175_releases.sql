-- Names for states of knowledge, and numbers that were quoted: made once, changed never.

-- What is pinned stays as it is, whoever asks.
create function gilgamesh.guard_pinned() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  raise exception using errcode = 'GG009',
    message = format('a %s never changes', case tg_table_name when 'release' then 'release' else 'data citation' end),
    hint = 'Others may stand on it. Make a new one beside it.';
end
$$;

create trigger release_is_pinned before update or delete on gilgamesh.release
  for each row execute function gilgamesh.guard_pinned();
create trigger data_citation_is_pinned before update or delete on gilgamesh.data_citation
  for each row execute function gilgamesh.guard_pinned();
create trigger data_citation_input_is_pinned before update or delete on gilgamesh.data_citation_input
  for each row execute function gilgamesh.guard_pinned();

-- The last edit that was committed at a moment (null: now). No later edit can be recorded at or before it, so what is
-- known at its instant is known for ever.
create function gilgamesh.last_edit_at(moment timestamptz default null) returns timestamptz
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  latest edit;
begin
  perform knowable(coalesce(moment, 'infinity'));
  select e.* into latest from edit e where moment is null or e.recorded_at <= moment order by e.id desc limit 1;
  if is_of_this_transaction(latest) then
    raise exception using errcode = 'GG008', message = 'an edit that is not committed yet cannot be pinned',
      hint = 'End the edit first, then make the release or the citation.';
  end if;
  return latest.recorded_at;
end
$$;

-- What is pinned is the instant of an edit, never a moment between edits.
create function gilgamesh.guard_known_at() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  if last_edit_at(new.known_at) <> new.known_at then
    raise exception using errcode = 'GG008', message = format('no edit was made at %s', new.known_at),
      hint = 'Pin the instant of an edit: select gilgamesh.last_edit_at(moment)';
  end if;
  return new;
end
$$;

create trigger release_of_an_edit before insert on gilgamesh.release
  for each row execute function gilgamesh.guard_known_at();
create trigger data_citation_of_an_edit before insert on gilgamesh.data_citation
  for each row execute function gilgamesh.guard_known_at();

-- Give today's knowledge, or that of an earlier moment, a name.
create function gilgamesh.create_release(name text, description text default '', known_at timestamptz default null, author text default null)
  returns gilgamesh.release
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  made release;
begin
  if create_release.name is null or create_release.name !~ '^[A-Za-z][A-Za-z0-9._-]{0,99}$' then
    raise exception using errcode = 'GG008', message = format('%L is not a name for a release', left(create_release.name, 120)),
      hint = 'Use up to 100 letters, digits, dots, dashes and underscores, beginning with a letter, for example paper-2026.';
  end if;
  insert into release (name, known_at, description, author)
       values (create_release.name, last_edit_at(create_release.known_at), coalesce(btrim(create_release.description), ''),
               coalesce(nullif(btrim(create_release.author), ''), acting_role()))
  on conflict do nothing returning * into made;
  if made.name is null then
    select * into made from release r where r.name = create_release.name;
    raise exception using errcode = 'GG009',
      message = format('there is a release %L already, by %s: knowledge of %s', made.name, made.author, made.known_at),
      hint = 'A release never changes; choose another name.';
  end if;
  return made;
end
$$;

-- Quoted numbers, for people.
create view gilgamesh.citations with (security_invoker = true) as
select r.key, s.name as signal, c.shot, c.t0, c.t1, c.known_at, c.n, c.unit, c.mean, c.minimum, c.maximum, c.sha256, c.author,
       c.created_at,
       array(select i.name from gilgamesh.data_citation_input d join gilgamesh.signal i on i.id = d.signal_id
              where d.citation_id = c.id order by i.name) as inputs,
       c.id as citation_id
  from gilgamesh.data_citation c
  join gilgamesh.reference r on r.id = c.reference_id
  join gilgamesh.signal s on s.id = c.signal_id;

comment on view gilgamesh.citations is 'Numbers that were quoted: what each key stands for.';
comment on column gilgamesh.citations.key is 'What it is cited by.';
comment on column gilgamesh.citations.signal is 'Name of the signal today.';
comment on column gilgamesh.citations.shot is 'Shot number.';
comment on column gilgamesh.citations.t0 is 'Begin of the window in seconds from the trigger; null for the whole signal.';
comment on column gilgamesh.citations.t1 is 'End of the window, not included.';
comment on column gilgamesh.citations.known_at is 'The instant of the last edit that was known.';
comment on column gilgamesh.citations.n is 'Number of samples.';
comment on column gilgamesh.citations.unit is 'Unit of the values.';
comment on column gilgamesh.citations.mean is 'Mean of the values.';
comment on column gilgamesh.citations.minimum is 'Smallest value.';
comment on column gilgamesh.citations.maximum is 'Largest value.';
comment on column gilgamesh.citations.sha256 is 'Checksum of unit, times and values.';
comment on column gilgamesh.citations.author is 'Who cited it first.';
comment on column gilgamesh.citations.created_at is 'When it was cited first.';
comment on column gilgamesh.citations.inputs is 'The signals it is computed from.';
comment on column gilgamesh.citations.citation_id is 'Identity of the citation.';

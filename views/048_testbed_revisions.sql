-- Revisions of the lab's testbed repository: a change of the machine as one dated, reversible act.

-- Note how a component, port, signal, alias or attribute was described before and after.
create function gilgamesh.note_amendment() returns trigger
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  insert into amendment (edit_id, kind, before, after)
  select (select e.id from edit e
           where e.id = nullif(current_setting('gilgamesh.edit', true), '')::bigint and is_of_this_transaction(e)),
         tg_table_name, was, now
    from (values (case when tg_op <> 'INSERT' then to_jsonb(old) end, case when tg_op <> 'DELETE' then to_jsonb(new) end))
         change(was, now)
   where was is distinct from now;
  return null;
end
$$;

create trigger component_amendment after insert or update or delete on gilgamesh.component
  for each row execute function gilgamesh.note_amendment();
create trigger port_amendment after insert or update or delete on gilgamesh.port
  for each row execute function gilgamesh.note_amendment();
create trigger signal_amendment after insert or update or delete on gilgamesh.signal
  for each row execute function gilgamesh.note_amendment();
create trigger alias_amendment after insert or update or delete on gilgamesh.alias
  for each row execute function gilgamesh.note_amendment();
create trigger attribute_amendment after insert or update or delete on gilgamesh.attribute
  for each row execute function gilgamesh.note_amendment();
create trigger shot_amendment after update of program_id on gilgamesh.shot
  for each row when (old.program_id is distinct from new.program_id) execute function gilgamesh.note_amendment();

-- Correct how a thing without a history is described: only the words that are given change.
create function gilgamesh.amend(kind text, name text, words jsonb, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  may constant jsonb := '{"component": ["class", "serial", "description"], "port": ["low", "high", "resolution", "noise", "description"],
                          "signal": ["unit", "quantity", "component", "role", "label", "description", "low", "high", "aliases"],
                          "attribute": ["unit", "rule", "description"]}';
  thing bigint;
  odd text;
  old_unit text;
begin
  perform current_edit(amend.reason);
  if not may ? amend.kind then
    raise exception using errcode = 'GG008', message = format('%L cannot be amended', amend.kind),
      hint = 'Say one of: component, port, signal, attribute.';
  end if;
  select string_agg(word, ', ') into odd from jsonb_object_keys(amend.words) word where not may -> amend.kind ? word;
  if odd is not null then
    raise exception using errcode = 'GG008', message = format('%s of a %s cannot be amended', odd, amend.kind),
      hint = format('What can: %s. What has a history is stated anew, since when it holds.', may ->> amend.kind);
  end if;
  case amend.kind
    when 'component' then
      update component c
         set class = case when words ? 'class' then identifier('class', words ->> 'class') else c.class end,
             serial = case when words ? 'serial' then words ->> 'serial' else c.serial end,
             description = coalesce(words ->> 'description', c.description)
       where c.id = component_named(amend.name);
    when 'port' then
      thing := port_named(amend.name);
      update port p
         set low = case when words ? 'low' then (words ->> 'low')::float8 else p.low end,
             high = case when words ? 'high' then (words ->> 'high')::float8 else p.high end,
             resolution = case when words ? 'resolution' then (words ->> 'resolution')::float8 else p.resolution end,
             noise = case when words ? 'noise' then (words ->> 'noise')::float8 else p.noise end
       where p.component_id = thing;
      update component c set description = coalesce(words ->> 'description', c.description) where c.id = thing;
    when 'signal' then
      thing := signal_named(amend.name);
      select s.unit into old_unit from signal s where s.id = thing;
      if words ? 'unit' then
        perform unit_conversion(old_unit, known_unit(words ->> 'unit'));
      end if;
      update signal s
         set unit = coalesce(words ->> 'unit', s.unit), quantity = coalesce(words ->> 'quantity', s.quantity),
             component_id = case when words ? 'component' then case when words ->> 'component' is not null
                                 then component_named(words ->> 'component') end else s.component_id end,
             role = case when words ? 'role' then case when words ->> 'role' is not null
                         then identifier('role', words ->> 'role') end else s.role end,
             label = coalesce(words ->> 'label', s.label), description = coalesce(words ->> 'description', s.description),
             low = case when words ? 'low' then (words ->> 'low')::float8 else s.low end,
             high = case when words ? 'high' then (words ->> 'high')::float8 else s.high end
       where s.id = thing;
      if words ? 'aliases' then
        delete from alias a where a.signal_id = thing and not words -> 'aliases' ? a.name;
        insert into alias (name, signal_id)
        select identifier('signal', other), thing from jsonb_array_elements_text(words -> 'aliases') other
         where not exists (select from alias a where a.name = other and a.signal_id = thing);
      end if;
    when 'attribute' then
      update attribute t
         set unit = case when words ? 'unit' then known_unit(words ->> 'unit') else t.unit end,
             rule = case when words ? 'rule' then words ->> 'rule' else t.rule end,
             description = coalesce(words ->> 'description', t.description)
       where t.name = amend.name returning t.id into thing;
      if thing is null then
        raise exception using errcode = 'GG010', message = format('no attribute %L', amend.name),
          hint = 'List them with: select name, kind, unit from gilgamesh.attribute';
      end if;
  end case;
end
$$;

-- Nothing is known of it in that period: the calibration of an item, the timing of a device, the definition of a
-- signal, a property of a component. (A cable is disconnected, a component retired.)
create function gilgamesh.clear(history text, subject text, valid tstzrange default null, name text default null,
                                reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(clear.reason);
  period tstzrange := half_open(clear.valid);
  ids bigint[];
begin
  case clear.history
    when 'calibration' then
      ids := array(select k.id from calibration k where k.component_id = component_named(clear.subject)
                      and upper_inf(k.recorded) and (k.valid && period) is true);
    when 'timing' then
      ids := array(select t.id from timing t where t.device_id = component_named(clear.subject)
                      and upper_inf(t.recorded) and t.valid && period);
    when 'property' then
      ids := array(select y.id from property y where y.component_id = component_named(clear.subject) and y.name = clear.name
                      and upper_inf(y.recorded) and y.valid && period);
    when 'definition' then
      ids := array(select d.id from definition d where d.signal_id = signal_named(clear.subject)
                      and upper_inf(d.recorded) and d.valid && period);
    else
      raise exception using errcode = 'GG008', message = format('%L cannot be cleared', clear.history),
        hint = 'Say one of: calibration, timing, property, definition. A cable is disconnected, a component retired.';
  end case;
  if cardinality(ids) = 0 then
    raise exception using errcode = 'GG008',
      message = format('there is no %s of %L during %s', coalesce(clear.name, clear.history), clear.subject, period),
      hint = 'What is not stated need not be cleared.';
  end if;
  perform clear_period(clear.history::regclass, ids, period, e);
end
$$;

-- A signal or attribute that nobody uses any more is not listed any more; its past stays readable.
create function gilgamesh.drop_name(kind text, name text, reason text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit := current_edit(drop_name.reason);
  thing bigint;
  used_by text;
begin
  case drop_name.kind
    when 'signal' then
      thing := signal_named(drop_name.name);
      select p.name into used_by from connection c join component p on p.id = c.port_id
       where c.signal_id = thing and upper_inf(c.recorded) limit 1;
      if used_by is not null then
        raise exception using errcode = 'GG009', message = format('signal %L is wired to %L', drop_name.name, used_by),
          hint = 'Disconnect it first.';
      end if;
      update signal s set withdrawn_by_id = e.id where s.id = thing and s.withdrawn_by_id is null;
    when 'attribute' then
      select t.id into thing from attribute t where t.name = drop_name.name;
      if thing is null then
        raise exception using errcode = 'GG010', message = format('no attribute %L', drop_name.name),
          hint = 'List them with: select name, kind, unit from gilgamesh.attribute';
      end if;
      select v.shot::text into used_by from attribute_value v where v.attribute_id = thing and upper_inf(v.recorded) limit 1;
      if used_by is not null then
        raise exception using errcode = 'GG009', message = format('attribute %L has a value in shot %s', drop_name.name, used_by),
          hint = 'Take the values back first (set_attribute with null).';
      end if;
      update attribute t set withdrawn_by_id = e.id where t.id = thing and t.withdrawn_by_id is null;
    else
      raise exception using errcode = 'GG008', message = format('the name of a %s cannot be dropped', drop_name.kind),
        hint = 'Say one of: signal, attribute. A component is retired.';
  end case;
end
$$;

-- Is this revision of the testbed applied today? Its latest act says so.
create function gilgamesh.applied_revision(revision text) returns gilgamesh.testbed_revision
  language plpgsql stable
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  latest testbed_revision;
begin
  select * into latest from testbed_revision r where r.revision = applied_revision.revision order by r.id desc limit 1;
  return case when latest.action <> 'downgrade' then latest end;
end
$$;

-- Open a new act: a sealed instant of its own, so that several revisions in one transaction can be told apart.
create function gilgamesh.note_revision(revision text, down_revisions text[], message text, checksum text, action text,
                                        author text) returns gilgamesh.edit
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  e edit;
begin
  perform set_config('gilgamesh.edit', '', true);
  e := begin_edit(note_revision.message, note_revision.author);
  insert into testbed_revision (revision, down_revisions, message, checksum, action, edit_id)
       values (note_revision.revision, note_revision.down_revisions, note_revision.message, note_revision.checksum,
               note_revision.action, e.id);
  return e;
end
$$;

-- Begin to apply a revision: the edits that follow in this transaction, up to the next revision, are its own.
create function gilgamesh.begin_revision(revision text, down_revisions text[], message text, checksum text,
                                         author text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  missing text;
begin
  perform lock_history();
  if (applied_revision(begin_revision.revision)).id is not null then
    raise exception using errcode = 'GG009', message = format('revision %L of the testbed is applied already', begin_revision.revision),
      hint = 'See what is applied: gilgamesh testbed current';
  end if;
  select needed into missing from unnest(begin_revision.down_revisions) needed where (applied_revision(needed)).id is null limit 1;
  if missing is not null then
    raise exception using errcode = 'GG008',
      message = format('revision %L of the testbed follows %L, which is not applied', begin_revision.revision, missing),
      hint = 'Apply that one first; see what is applied: gilgamesh testbed current';
  end if;
  perform note_revision(begin_revision.revision, begin_revision.down_revisions, begin_revision.message,
                        begin_revision.checksum, 'upgrade', begin_revision.author);
end
$$;

-- Declare a revision as applied, or as not applied, without running it: the database knows, or never knew, what it states.
create function gilgamesh.stamp_revision(revision text, down_revisions text[], message text, checksum text, applied boolean,
                                         author text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
begin
  perform note_revision(stamp_revision.revision, stamp_revision.down_revisions, stamp_revision.message,
                        stamp_revision.checksum, case when applied then 'stamp' else 'downgrade' end, stamp_revision.author);
end
$$;

-- Which rows of a history speak of the same thing as this one? (A condition on r and other, as text.)
create function gilgamesh.same_subject(history text) returns text
  language sql immutable
return case history
         when 'connection' then 'other.signal_id = r.signal_id'
         when 'definition' then 'other.signal_id = r.signal_id'
         when 'timing' then 'other.device_id = r.device_id'
         when 'property' then 'other.component_id = r.component_id and other.name = r.name'
         else 'other.component_id = r.component_id'
       end;

-- Take back what these edits stated in one history, and believe again what they had superseded. What was stated
-- since by others stays. The edits share one instant, so their effect can be read from the rows: what they closed,
-- less the pieces of it they left standing.
create function gilgamesh.reverse_history(history text, edits bigint[], made_at timestamptz, e gilgamesh.edit) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  content text;
  stated bigint[];
begin
  select string_agg(quote_ident(attname), ', ' order by attnum) into content
    from pg_attribute
   where attrelid = history::regclass and attnum > 0 and not attisdropped
     and attname not in ('id', 'valid', 'recorded', 'closed_by_id');
  -- A piece that was left standing is closed with them, and comes back as one with what it was cut off from.
  execute format($sql$
    select array(select other.id from %1$I other
                  where upper_inf(other.recorded)
                    and (other.edit_id = any($1)
                         or lower(other.recorded) = $2 and exists (select from %1$I r
                              where r.closed_by_id = any($1) and %2$s and other.edit_id = r.edit_id and other.valid <@ r.valid)))
    $sql$, history, same_subject(history))
     into stated using edits, made_at;
  perform clear_period(history::regclass, stated, tstzrange(null, null), e);
  execute format($sql$
    insert into %1$I (%2$s, valid, recorded)
    select %2$s, piece, tstzrange($3, null)
      from %1$I r,
           unnest(tstzmultirange(r.valid)
                  - coalesce((select range_agg(other.valid) from %1$I other
                               where %3$s and other.edit_id = r.edit_id and lower(other.recorded) = $2
                                 and other.valid <@ r.valid and other.closed_by_id is distinct from $4), '{}')
                  - coalesce((select range_agg(other.valid) from %1$I other
                               where %3$s and upper_inf(other.recorded) and other.valid && r.valid), '{}')) piece
     where r.closed_by_id = any($1)$sql$, history, content, same_subject(history))
    using edits, made_at, e.recorded_at, e.id;
end
$$;

-- Put the description of things back as it was before these edits; what was made known by them is not used any more.
create function gilgamesh.reverse_amendments(edits bigint[]) returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  made amendment;
  key text;
  columns text;
  current_row jsonb;
begin
  for made in select * from amendment a where a.edit_id = any(edits) order by a.id desc loop
    key := case made.kind when 'port' then 'component_id' when 'alias' then 'name' when 'shot' then 'number' else 'id' end;
    execute format('select to_jsonb(t) from %1$I t where to_jsonb(t) -> %2$L = $1 -> %2$L', made.kind, key)
       into current_row using coalesce(made.after, made.before);
    continue when current_row is distinct from made.after;  -- it was changed again since: the later word stays
    if made.kind = 'alias' then
      delete from alias a where a.name = made.after ->> 'name';
      insert into alias select (jsonb_populate_record(null::alias, made.before)).* where made.before is not null;
    elsif made.before is not null then
      select string_agg(quote_ident(attname), ', ' order by attnum) into columns
        from pg_attribute where attrelid = made.kind::regclass and attnum > 0 and not attisdropped and attname <> key;
      execute format('update %1$I t set (%2$s) = (select %2$s from jsonb_populate_record(null::%1$I, $1)) where %3$I = ($1 ->> %3$L)::bigint',
                     made.kind, columns, key) using made.before;
    elsif made.kind in ('signal', 'attribute') then
      perform drop_name(made.kind, made.after ->> 'name');
    end if;
  end loop;
end
$$;

-- Take an applied revision back. Nothing is deleted: what it stated is closed, what it superseded is stated again, and
-- known_at still answers as before.
create function gilgamesh.take_back_revision(revision text, author text default null) returns void
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  applied testbed_revision;
  follower text;
  made_at timestamptz;
  edits bigint[];
  e edit;
  history text;
  clash record;
begin
  perform lock_history();
  applied := applied_revision(take_back_revision.revision);
  if applied.id is null then
    raise exception using errcode = 'GG008', message = format('revision %L of the testbed is not applied', take_back_revision.revision),
      hint = 'See what is applied: gilgamesh testbed current';
  end if;
  if applied.action = 'stamp' then
    raise exception using errcode = 'GG008',
      message = format('revision %L of the testbed was stamped, not applied: there are no edits of its own to take back', take_back_revision.revision),
      hint = 'Withdraw what it describes with edits of their own, or move the stamp: alembic stamp.';
  end if;
  select r.revision into follower from testbed_revision r
   where applied.revision = any(r.down_revisions) and (applied_revision(r.revision)).id = r.id limit 1;
  if follower is not null then
    raise exception using errcode = 'GG008',
      message = format('revision %L of the testbed cannot be taken back: %L follows it', take_back_revision.revision, follower),
      hint = 'Take that one back first.';
  end if;
  select x.recorded_at into made_at from edit x where x.id = applied.edit_id;
  edits := array(select x.id from edit x where x.recorded_at = made_at);
  e := note_revision(applied.revision, applied.down_revisions, format('taken back: %s', applied.message), applied.checksum,
                     'downgrade', take_back_revision.author);
  -- Would a signal come back to a port that carries another one now?
  select s.name as signal, p.name as port, other.name as carried, c.valid * believed.valid as during into clash
    from connection c join signal s on s.id = c.signal_id join component p on p.id = c.port_id
    join connection believed on believed.port_id = c.port_id and upper_inf(believed.recorded) and believed.valid && c.valid
    join signal other on other.id = believed.signal_id
   where c.closed_by_id = any(edits) and believed.signal_id <> c.signal_id and not believed.edit_id = any(edits)
     and not exists (select from connection stands where stands.signal_id = c.signal_id and upper_inf(stands.recorded)
                        and not stands.edit_id = any(edits) and stands.valid @> (c.valid * believed.valid))
   limit 1;
  if found then
    raise exception using errcode = 'GG007',
      message = format('revision %L of the testbed cannot be taken back: %L would return to port %L, which carries %L during %s',
                       take_back_revision.revision, clash.signal, clash.port, clash.carried, clash.during),
      hint = 'Disconnect that signal for the period first.';
  end if;
  foreach history in array array['connection', 'calibration', 'definition', 'timing', 'property', 'placement'] loop
    perform reverse_history(history, edits, made_at, e);
  end loop;
  -- A thing that is placed nowhere any more must not be needed by what others stated since.
  perform refuse_if_used(array[gone.component_id], range, statements_too => true)
     from (select p.component_id, range_agg(p.valid) - coalesce((select range_agg(still.valid) from placement still
                    where still.component_id = p.component_id and upper_inf(still.recorded)), '{}') as lost
             from placement p where p.closed_by_id = e.id group by p.component_id) gone, unnest(gone.lost) range;
  perform reverse_amendments(edits);
end
$$;

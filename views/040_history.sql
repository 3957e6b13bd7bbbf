-- The one way in which history is edited. Every edit function below this file stands on these.

-- Wait for our turn to edit, and see the latest edit. Nobody waits for ever, not even somebody who waits for himself.
create function gilgamesh.lock_history() returns gilgamesh.edit
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  latest edit;
begin
  if current_setting('lock_timeout') = '0' then
    perform set_config('lock_timeout', '30s', true);
  end if;
  perform pg_advisory_xact_lock(hashtextextended('gilgamesh.edit', 0));
  select * into latest from edit order by id desc limit 1;
  return latest;
end
$$;

-- Did this very transaction make that edit? (A transaction id alone may come again after a restore elsewhere.)
create function gilgamesh.is_of_this_transaction(made gilgamesh.edit) returns boolean
  language sql stable
return coalesce((made).transaction_id = pg_catalog.pg_current_xact_id()
                and (made).id::text = pg_catalog.current_setting('gilgamesh.edit', true), false);

-- Begin an edit: take the lock, note who and why. Edits of one transaction share their instant.
-- The lock is held until commit, so instants follow the order of commits and readers never see a hole.
create function gilgamesh.begin_edit(reason text, author text default null, recorded_at timestamptz default null)
  returns gilgamesh.edit
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  latest edit;
  stamp timestamptz;
  started edit;
begin
  if nullif(btrim(reason), '') is null then
    raise exception using errcode = 'GG008', message = 'an edit of the history needs a reason',
      hint = 'Say why in a few words: the next person will read it.';
  end if;
  latest := lock_history();
  if recorded_at is not null then
    -- Only an import by the owner may say when something became known; never out of order.
    if not pg_has_role(acting_role(), (select nspowner from pg_namespace where nspname = 'gilgamesh'), 'member') then
      raise exception using errcode = '42501', message = 'only the owner of the database may import history with earlier times of knowledge';
    end if;
    if recorded_at < latest.recorded_at or recorded_at > clock_timestamp()
       or (recorded_at = latest.recorded_at and not is_of_this_transaction(latest)) then
      raise exception using errcode = 'GG008',
        message = format('knowledge cannot be recorded at %s: the latest edit is of %s and it is now %s',
                         recorded_at, latest.recorded_at, clock_timestamp()),
        hint = 'Import history in the order in which it became known.';
    end if;
    stamp := recorded_at;
  elsif is_of_this_transaction(latest) then
    stamp := latest.recorded_at;
  else
    -- A clock that was set back must not write before what is known already.
    stamp := greatest(clock_timestamp(), latest.recorded_at + interval '1 microsecond');
  end if;
  insert into edit (recorded_at, author, reason, role)
       values (stamp, coalesce(nullif(btrim(author), ''), acting_role()), btrim(reason), acting_role())
    returning * into started;
  perform set_config('gilgamesh.edit', started.id::text, true);
  return started;
end
$$;

comment on function gilgamesh.begin_edit(text, text, timestamptz) is
  'Names author and reason of the edits that follow in this transaction.';

-- Which edit is this transaction making? A reason of its own begins a new one.
create function gilgamesh.current_edit(reason text default null) returns gilgamesh.edit
  language plpgsql security definer
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  latest edit;
begin
  latest := lock_history();
  if is_of_this_transaction(latest) and (reason is null or latest.reason = reason) then
    return latest;
  end if;
  return begin_edit(reason, case when is_of_this_transaction(latest) then latest.author end);
end
$$;

-- Is this a period something can hold for? An open beginning or end is null, never infinity.
create function gilgamesh.period(since timestamptz, until timestamptz) returns tstzrange
  language plpgsql immutable parallel safe
as $$
begin
  if since = until or since > until then
    raise exception using errcode = 'GG008',
      message = pg_catalog.format('the period ends (%s) before it begins (%s)', until, since),
      hint = 'Periods are half-open: from since, up to but not including until.';
  end if;
  return pg_catalog.tstzrange(nullif(since, '-infinity'), nullif(until, 'infinity'), '[)');
end
$$;

-- Take back what is believed of these rows within a period. What remains of them before and after stays
-- believed, under the name of whoever stated it. Rows of this very instant are trimmed instead of being
-- closed: nobody can have read them.
create function gilgamesh.clear_period(history regclass, ids bigint[], period tstzrange, edit gilgamesh.edit)
  returns void
  language plpgsql
  set search_path = pg_catalog, gilgamesh, pg_temp
as $$
declare
  content text;
  old record;
  piece tstzrange;
  of_this_instant boolean;
begin
  if coalesce(cardinality(ids), 0) = 0 then
    return;
  end if;
  -- The table is one of ours, never a name from outside; values are always bound.
  select string_agg(quote_ident(attname), ', ' order by attnum) into content
    from pg_attribute
   where attrelid = history and attnum > 0 and not attisdropped
     and attname not in ('id', 'valid', 'recorded', 'closed_by_id');
  for old in
    execute format('select id, lower(recorded) as since, tstzmultirange(valid) - tstzmultirange($1) as rest
                      from %s where id = any($2) order by id', history) using period, ids
  loop
    of_this_instant := old.since = edit.recorded_at;
    if not of_this_instant then
      execute format('update %s set recorded = tstzrange(lower(recorded), $2), closed_by_id = $3 where id = $1', history)
        using old.id, edit.recorded_at, edit.id;
    elsif isempty(old.rest) then
      execute format('delete from %s where id = $1', history) using old.id;
    end if;
    for piece in select unnest(old.rest) loop
      if of_this_instant then
        execute format('update %s set valid = $2 where id = $1', history) using old.id, piece;
        of_this_instant := false;
      else
        execute format('insert into %1$s (%2$s, valid, recorded) select %2$s, $2, tstzrange($3, null) from %1$s where id = $1',
                       history, content) using old.id, piece, edit.recorded_at;
      end if;
    end loop;
  end loop;
end
$$;

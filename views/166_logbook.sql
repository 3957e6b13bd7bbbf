-- How far can records be trusted, and what was noted?

create view gilgamesh.quality with (security_invoker = true) as
select s.name as signal, q.shot, q.flag, nullif(q.since, '-infinity') as since, nullif(q.until, 'infinity') as until,
       e.author, e.reason, e.recorded_at, q.id as quality_id
  from gilgamesh.quality_flag q
  join gilgamesh.signal s on s.id = q.signal_id
  join gilgamesh.edit e on e.id = q.edit_id
 where q.recorded @> (select gilgamesh.known_at());

comment on view gilgamesh.quality is 'How far records can be trusted, as known at gilgamesh.known_at. What has no row was not checked.';
comment on column gilgamesh.quality.signal is 'Name of the signal.';
comment on column gilgamesh.quality.shot is 'Shot number.';
comment on column gilgamesh.quality.flag is 'bad, doubtful, good or validated.';
comment on column gilgamesh.quality.since is 'Beginning of the window in seconds; null: the beginning of the record.';
comment on column gilgamesh.quality.until is 'End of the window, not included; null: the end of the record.';
comment on column gilgamesh.quality.author is 'Who stated it.';
comment on column gilgamesh.quality.reason is 'Why.';
comment on column gilgamesh.quality.recorded_at is 'When.';
comment on column gilgamesh.quality.quality_id is 'Identity of the statement.';

create view gilgamesh.log with (security_invoker = true) as
select l.id as entry, l.shot, e.recorded_at as written_at, e.author, l.text, l.words
  from gilgamesh.log_entry l
  join gilgamesh.edit e on e.id = l.edit_id
 where l.recorded @> (select gilgamesh.known_at());

comment on view gilgamesh.log is
  'The logbook. Search it with: where words @@ websearch_to_tsquery(''english'', ''arc cathode'').';
comment on column gilgamesh.log.entry is 'Number of the entry.';
comment on column gilgamesh.log.shot is 'The shot it tells about, if it is about one.';
comment on column gilgamesh.log.written_at is 'When it was written.';
comment on column gilgamesh.log.author is 'Who wrote it.';
comment on column gilgamesh.log.text is 'What was noted.';
comment on column gilgamesh.log.words is 'Its words and their English stems, for searching.';

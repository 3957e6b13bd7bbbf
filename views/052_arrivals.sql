-- The queue of files that came in.

-- Let files that were refused be read again. The watcher that saw them does so within seconds; those of a
-- `gilgamesh load` are taken up by `gilgamesh load --continue`.
create function gilgamesh.retry_arrivals(ids bigint[]) returns bigint
  language sql volatile
begin atomic
  with again as (
    update gilgamesh.arrival a set state = 'waiting', settled_at = null
     where a.id = any(retry_arrivals.ids) and a.state = 'refused'
    returning a.id)
  select count(*) from again;
end;

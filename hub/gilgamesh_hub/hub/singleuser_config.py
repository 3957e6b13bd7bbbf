"""A person's Jupyter under the hub: notebooks in the database; kernels that do nothing end after a day, busy ones never."""

import os

from gilgamesh_hub.personal import configuration

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - Jupyter gives it
c.merge(configuration())

_idle = int(float(os.environ.get("GILGAMESH_IDLE_HOURS", "24")) * 3600)
if _idle:
    # Jupyter itself knows whether a kernel is busy; the hub sees only when somebody last clicked.
    c.MappingKernelManager.cull_idle_timeout = _idle
    c.MappingKernelManager.cull_connected = True
    c.MappingKernelManager.cull_busy = False
    c.MappingKernelManager.cull_interval = min(300, max(1, _idle // 2))
    c.ServerApp.shutdown_no_activity_timeout = _idle

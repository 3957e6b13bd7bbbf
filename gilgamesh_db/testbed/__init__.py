"""The testbed as a repository of the lab: each change of the machine a reviewed, dated, reversible file.

=============  =======================================================================
moment         since when: a time, or ``shot(1500)``
operations     ``op.connect``, ``op.calibrate`` …: what a revision can say
environment    what the ``env.py`` of the lab's folder calls: locks, checks, one transaction
revision_file  one revision as a file: its author, its checksum, errors with their line
repository     the lab's folder: init, revision, upgrade, downgrade, history
=============  =======================================================================
"""

from .moment import shot

__all__ = ["shot"]

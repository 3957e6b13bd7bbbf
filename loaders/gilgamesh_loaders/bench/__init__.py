"""``gilgamesh bench``: the same samples in the database and in files, measured side by side.

``workload``   sizes, and the signal everything is measured on
``scratch``    the database and the folder it happens in; both are gone afterwards
``stores/``    one module per way to keep samples: ours, the files, a row per sample
``timing``     interleaved rounds, medians
``arena``      what the tasks share: stores, database, the record that was written
``samples``    tasks: write, read, window, overview, disk
``campaign``   tasks: statistics over many shots, load of a discharge and of many
``discharges`` many signals in many shots, a file for each
``analysis``   tasks: search by value, one number per shot, tables of signals
``knowledge``  tasks: changes, dry run
``queries``    tasks: scan and window in SQL
``history``    tasks: resolution, names, what was known
``targets``    what we promised ourselves, and whether it is kept
``report``     table, Markdown, JSON
``picture``    the plot
"""

from .command import bench

__all__ = ["bench"]

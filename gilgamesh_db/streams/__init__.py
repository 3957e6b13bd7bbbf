"""Slow control: samples that come day and night, apart from shots.

``producer`` writes them, ``upkeep`` compacts and releases, ``reading`` fetches them with the wiring and calibrations of
their time, ``aggregates`` and ``frames`` make tables, ``window`` is the part that belongs to a shot.
"""

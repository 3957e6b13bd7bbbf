"""Plasma physics over arrays: no database, no files; what the components of a machine calculate with.

======================  ============================================================================
`gases`                 working gases, their molecules and ions
`geometry`              shapes of probe tips and the surface they collect with
`sweep`                 where the sweeps of a probe voltage begin and end
`characteristic`        I(V) of many sweeps at once: ion saturation, temperature, potentials
`langmuir`              a swept probe from samples to density, temperature and potentials over time
`formulary`             frequencies, radii, lengths and speeds of a magnetised plasma
`neutral`               the neutral gas: density, collisions, ionisation and excitation
`coils`                 the field of coils, resonances
`power`                 RF power: injected, ratio, on-times
======================  ============================================================================
"""

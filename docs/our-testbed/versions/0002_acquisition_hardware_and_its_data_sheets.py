"""acquisition hardware and its data sheets"""

from alembic import op

from gilgamesh_db.calibration import Polynomial

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
author = "roman"
schema = "0002"

SINCE = "2025-01-20 08:00"


def upgrade() -> None:
    for n in range(16):
        digitiser("PXI M6251", f"ai{n}", volts=20.0, counts=65536)
    for n in range(1, 5):
        digitiser("Tektronix", f"ch{n}", volts=10.0, counts=4096)
    for channel in ("Fpower", "Rpower"):
        as_it_is("Generator", channel, "W", 0.0, 5000.0)
    for n in range(1, 13):
        as_it_is("S7", f"T{n:02}", "mV", -10.0, 80.0)
    for n in range(1, 9):
        as_it_is("S7", f"F{n:02}", "l / min", 0.0, 60.0)
    for n in range(1, 7):
        as_it_is("S7", f"P{n:02}", "bar", 0.0, 10.0)
    for n in range(1, 5):
        as_it_is("S7", f"U{n:02}", "V", 0.0, 10.0)


def digitiser(device: str, channel: str, volts: float, counts: int) -> None:
    """A channel whose counts span a range of volts."""
    op.add_port(device, channel, dtype="int16", low=-volts / 2, high=volts / 2, since=SINCE)
    op.calibrate(f"{device}/{channel}", Polynomial((0.0, volts / counts)), "ct", "V", since=SINCE)


def as_it_is(device: str, channel: str, unit: str, low: float, high: float) -> None:
    """A channel that delivers numbers in a unit."""
    op.add_port(device, channel, dtype="float32", unit=unit, low=low, high=high, since=SINCE)
    op.calibrate(f"{device}/{channel}", Polynomial((0.0, 1.0)), unit, unit, since=SINCE)


def downgrade() -> None:
    op.take_back(revision)

"""bench calibrations before the first campaign"""

from alembic import op

from gilgamesh_db.calibration import Polynomial, PowerOfTen
from gilgamesh_db.calibration.fit import fit_from_dict

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
author = "ilya"
schema = "0002"


def upgrade() -> None:
    op.calibrate("divider1", Polynomial((0.0, 20.0)), "V", "V", since="2025-01-20 08:00")
    op.calibrate("divider2", Polynomial((0.0, 20.0)), "V", "V", since="2025-01-20 08:00")
    op.calibrate(
        "shunt1",
        Polynomial((0.0, -0.01)),
        "V",
        "A",
        covariance=[0.0, 4.0000000000000007e-10],
        since="2025-01-20 08:00",
        source="bench",
    )
    op.calibrate(
        "shunt2",
        Polynomial((0.0, -0.01)),
        "V",
        "A",
        covariance=[0.0, 4.0000000000000007e-10],
        since="2025-01-20 08:00",
        source="bench",
    )
    op.calibrate(
        "bdot_detector1",
        (Polynomial((-3.3659615384615393, 1.923076923076923)), PowerOfTen()),
        "V",
        "mW",
        covariance=[[0.0008765405038831363, -0.00020990199704142015], [-0.00020990199704142015, 9.245562130177516e-05]],
        since="2025-01-20 08:00",
        source="bench, signal generator",
    )
    op.calibrate(
        "bdot_detector2",
        (Polynomial((-3.3659615384615393, 1.923076923076923)), PowerOfTen()),
        "V",
        "mW",
        covariance=[[0.0008765405038831363, -0.00020990199704142015], [-0.00020990199704142015, 9.245562130177516e-05]],
        since="2025-01-20 08:00",
        source="bench, signal generator",
    )
    op.calibrate(
        "manipulator_potentiometer",
        fit_from_dict(
            {
                "method": "poly1",
                "x": [
                    1444.0,
                    1341.0,
                    1252.0,
                    1162.0,
                    1068.0,
                    974.0,
                    914.0,
                    868.0,
                    805.0,
                    729.0,
                    660.0,
                    600.0,
                    548.0,
                    446.0,
                ],
                "y": [55.3, 49.4, 44.7, 39.9, 35.0, 30.1, 26.9, 24.45, 21.1, 17.1, 13.35, 10.15, 7.6, 2.2],
                "sigma": None,
                "rms": 0.11657651579771584,
                "chi2": None,
                "degrees_of_freedom": 12,
            },
            (Polynomial((-21.552196790125173, 0.05299982476479216)),),
            [[0.011921110037667857, -1.1789902621644865e-05], [-1.1789902621644865e-05, 1.2884133690034198e-08]],
        ),
        "ct",
        "cm",
        source="ruler, 14 positions",
        since="2025-01-20 08:00",
    )
    op.calibrate("gas_gauge", (Polynomial((-11.33, 1.667)), PowerOfTen()), "V", "mbar", since="2025-01-20 08:00")
    op.calibrate("big_coil_transducer", Polynomial((0.0, 100.0)), "V", "A", since="2025-01-20 08:00")
    op.calibrate("small_coil_transducer", Polynomial((0.0, 50.0)), "V", "A", since="2025-01-20 08:00")
    op.calibrate("helicon_forward_detector", Polynomial((0.0, 0.4)), "V", "mW", since="2025-01-20 08:00")
    op.calibrate("helicon_forward_coupler", Polynomial((0.0, 1000.0)), "mW", "W", since="2025-01-20 08:00")
    op.calibrate("helicon_reflected_detector", Polynomial((0.0, 0.2)), "V", "mW", since="2025-01-20 08:00")
    op.calibrate("helicon_reflected_coupler", Polynomial((0.0, 1000.0)), "mW", "W", since="2025-01-20 08:00")


def downgrade() -> None:
    op.take_back(revision)

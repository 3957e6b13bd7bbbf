"""``gilgamesh changes``: what two states of knowledge say differently."""

from __future__ import annotations

import click

from .door import as_json, open_database, print_json, print_table


@click.command()
@click.argument("known_at_1", metavar="K1")
@click.argument("known_at_2", metavar="[K2]", required=False)
@click.option("--shots", metavar="FIRST:UNTIL", help="Only these shots; UNTIL is not included.")
@click.option("--signal", "signals", multiple=True, help="Only this signal; repeat for more.")
@click.option(
    "--tolerance",
    type=float,
    default=0.0,
    help="Leave out what differs by no more than this part of its largest value.",
)
@click.option(
    "--quick", is_flag=True, help="Read no samples: where moments do not tell the size of a change, enclose it."
)
@click.option("--each", is_flag=True, help="One line per signal and shot.")
@as_json
@click.pass_context
def changes(
    context: click.Context, known_at_1: str, known_at_2: str | None, shots: str | None, signals: tuple[str, ...],
    tolerance: float, quick: bool, each: bool, as_json: bool,
) -> None:  # fmt: skip
    """Say which signals differ between what was known at K1 and at K2 (today, if left out), by how much, and why."""
    found = open_database(context).changes(
        known_at_1, known_at_2, shots=shots, signals=signals or None, tolerance=tolerance, exact=not quick
    )
    if as_json:
        print_json(found.to_dict())
    elif each:
        print_table(found.table[["what", "maximum", "rms", "sigma", "unit", "shift", "because"]], False)
    else:
        click.echo(str(found))

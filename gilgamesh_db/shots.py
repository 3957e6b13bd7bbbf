"""Shots as a table, and conditions on them translated to SQL (never evaluated as Python)."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .errors import AttributeNotFound, ConditionError, InvalidValue, OutOfDate, near_names
from .models import Attribute, AttributeValue, Edit, Program, Shot

if TYPE_CHECKING:
    import pandas as pd

_OWN: dict[str, sa.ColumnElement[Any]] = {
    "Shot": Shot.number.expression,
    "Date": Shot.started_at.expression,
    "Duration": Shot.duration.expression,
    "Program": Program.name.expression,
    "Status": Shot.status.expression,
}
_COMPARISONS = {
    ast.Eq: "is_not_distinct_from", ast.NotEq: "is_distinct_from", ast.Lt: "__lt__", ast.LtE: "__le__",
    ast.Gt: "__gt__", ast.GtE: "__ge__",
}  # fmt: skip


def table_of_shots(
    connection: sa.Connection, condition: str | None, columns: Sequence[str] | None, stale: str = "hide"
) -> pd.DataFrame:
    """See `Database.shots`."""
    import pandas as pd

    if stale not in ("hide", "show"):
        raise InvalidValue(f"stale={stale!r} cannot be done; say 'hide' or 'show'")
    show = stale == "show"
    attributes = {a.name: a for a in connection.execute(sa.select(Attribute.id, Attribute.name, Attribute.kind))}
    wanted = list(attributes) if columns is None else [name for name in columns if name != "Shot"]
    for name in wanted:
        if name not in attributes and name not in _OWN:
            raise _unknown(name, attributes)
    query = sa.select(Shot.number).outerjoin(Program)
    used = set(wanted)
    if condition is not None:
        translator = _Translator(attributes, show_stale=show)
        query = query.where(translator.translate(condition))
        used |= translator.used
    matching = query.subquery()
    shots = connection.execute(
        sa.select(Shot.number, Shot.started_at, Shot.duration, Program.name, Shot.status)
        .outerjoin(Program)
        .where(Shot.number.in_(sa.select(matching.c.number)))
        .order_by(Shot.number)
    ).all()
    table = pd.DataFrame(shots, columns=["Shot", "Date", "Duration", "Program", "Status"]).set_index("Shot")
    said = connection.execute(
        sa.select(
            AttributeValue.shot,
            Attribute.name,
            AttributeValue.number,
            AttributeValue.text,
            AttributeValue.boolean,
            _out_of_date().label("stale"),
        )
        .join(Attribute)
        .where(_believed(), AttributeValue.shot.in_(sa.select(matching.c.number)), Attribute.name.in_(wanted))
    ).all()
    values: dict[str, dict[int, Any]] = {name: {} for name in wanted if name in attributes}
    for shot, name, number, text, boolean, out_of_date in said:
        if out_of_date and not show:
            continue
        values[name][shot] = number if number is not None else text if text is not None else boolean
    for name, by_shot in values.items():
        kind = {"number": "float64", "text": "str", "boolean": "boolean"}[attributes[name].kind]
        table[name] = pd.Series(by_shot, index=table.index, dtype=kind)
    table = table if columns is None else table[wanted]
    old = _stale_shots(connection, used)
    table.attrs["stale"] = old
    if old and not show:
        names = " and ".join(f"{name} ({len(shots)} shots)" for name, shots in old.items())
        warnings.warn(
            f"out of date and left out: {names}; compute them again with `gilgamesh refresh`, or see the old numbers with "
            "stale='show'", OutOfDate, stacklevel=3,
        )  # fmt: skip
    return table


@dataclass(frozen=True)
class Column:
    """A column of the table of shots.

    Attributes
    ----------
    name : str
    kind : {'number', 'text', 'boolean', 'date'}
    unit : str or None
    own : bool
        Whether every shot has it, and it is no attribute.
    computed : bool
        Whether a rule gives its values, so that nobody states them.
    description : str
    """

    name: str
    kind: str
    unit: str | None = None
    own: bool = False
    computed: bool = False
    description: str = ""


@dataclass(frozen=True)
class PageOfShots:
    """Some of the shots that meet a condition.

    Attributes
    ----------
    columns : tuple of Column
    rows : list of tuple
        Values, in the order of the columns; None where nothing is known, or what is known is out of date.
    total : int
        How many shots meet the condition.
    stale : set of (int, str)
        Shot and attribute of what is out of date.
    edit : int
        The latest edit of the database that is in it; 0 before the first.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    total: int
    stale: set[tuple[int, str]]
    edit: int


def columns_of_shots(connection: sa.Connection) -> tuple[Column, ...]:
    """What a table of shots can show."""
    attributes = connection.execute(
        sa.select(Attribute.name, Attribute.kind, Attribute.unit, Attribute.rule, Attribute.description)
        .where(Attribute.withdrawn_by_id.is_(None))
        .order_by(Attribute.name)
    )
    return (
        Column("Shot", "number", own=True),
        Column("Date", "date", own=True),
        Column("Duration", "number", "s", own=True),
        Column("Program", "text", own=True),
        Column("Status", "text", own=True),
        *(Column(name, kind, unit, False, rule is not None, said) for name, kind, unit, rule, said in attributes),
    )


def page_of_shots(
    connection: sa.Connection,
    condition: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    order: str = "Shot",
    descending: bool = True,
    first: int = 0,
    rows: int = 200,
) -> PageOfShots:
    """Some rows of the table of shots, however many there are; sorted and counted by the database.

    Parameters
    ----------
    condition : str, optional
        As for `Database.shots`.
    columns : sequence of str, optional
        Which to show; all by default. The number of the shot always comes first.
    order : str
        The column to sort by; shots without a value come last.
    first, rows : int
        Which rows of it, and how many.

    Raises
    ------
    ConditionError, AttributeNotFound
    """
    known = {column.name: column for column in columns_of_shots(connection)}
    names = ["Shot", *(name for name in (known if columns is None else columns) if name != "Shot")]
    attributes = {a.name: a for a in connection.execute(sa.select(Attribute.id, Attribute.name, Attribute.kind))}
    for name in [*names, order]:
        if name not in known:
            raise _unknown(name, attributes)
    translator = _Translator(attributes, show_stale=False)
    chosen = sa.select(Shot.number).outerjoin(Program)
    if condition is not None and condition.strip():
        chosen = chosen.where(translator.translate(condition))
    total = connection.execute(sa.select(sa.func.count()).select_from(chosen.subquery())).scalar_one()
    by = translator._named(order)[1]
    page = (
        chosen.order_by((by.desc() if descending else by.asc()).nulls_last(), Shot.number.desc())
        .offset(first)
        .limit(rows)
    )
    numbers = list(connection.execute(page).scalars())
    own = {
        row[0]: row
        for row in connection.execute(
            sa.select(Shot.number, Shot.started_at, Shot.duration, Program.name, Shot.status)
            .outerjoin(Program)
            .where(Shot.number.in_(numbers))
        )
    }
    said = connection.execute(
        sa.select(AttributeValue.shot, Attribute.name, AttributeValue.number, AttributeValue.text, AttributeValue.boolean,
                  _out_of_date())
        .join(Attribute)
        .where(_believed(), AttributeValue.shot.in_(numbers), Attribute.name.in_(names))
    )  # fmt: skip
    values: dict[tuple[int, str], Any] = {}
    stale = set()
    for shot, name, number, text, boolean, out_of_date in said:
        if out_of_date:
            stale.add((shot, name))
        else:
            values[shot, name] = number if number is not None else text if text is not None else boolean
    places = {name: position for position, name in enumerate(_OWN)}
    latest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(Edit.id), 0))).scalar_one()
    return PageOfShots(
        tuple(known[name] for name in names),
        [
            tuple(own[shot][places[name]] if name in places else values.get((shot, name)) for name in names)
            for shot in numbers
        ],
        total,
        stale,
        latest,
    )


def _stale_shots(connection: sa.Connection, names: set[str]) -> dict[str, list[int]]:
    """In which shots these attributes are out of date."""
    rows = connection.execute(
        sa.select(Attribute.name, AttributeValue.shot)
        .join(Attribute)
        .where(_believed(), _out_of_date(), AttributeValue.stale, Attribute.name.in_(names))
        .order_by(Attribute.name, AttributeValue.shot)
    ).all()
    found: dict[str, list[int]] = {}
    for name, shot in rows:
        found.setdefault(name, []).append(shot)
    return found


def _out_of_date() -> sa.ColumnElement[bool]:
    """Whether a value was known to be stale then."""
    marked = (
        sa.select(Edit.recorded_at)
        .where(Edit.id == AttributeValue.stale_by_id)
        .correlate(AttributeValue)
        .scalar_subquery()
    )
    return sa.and_(AttributeValue.stale, sa.func.coalesce(marked <= sa.func.gilgamesh.known_at(), sa.true()))


def _believed() -> sa.ColumnElement[bool]:
    return AttributeValue.recorded.op("@>")(sa.func.gilgamesh.known_at())


def _unknown(name: str, attributes: dict[str, Any]) -> AttributeNotFound:
    known = [*_OWN, *attributes]
    return AttributeNotFound(
        f"no attribute {name!r} of shots{near_names(name, known) or ';'} there are: {', '.join(known)}"
    )


class _Translator:
    """A condition in Python's syntax, as SQL with bound values."""

    def __init__(self, attributes: dict[str, Any], *, show_stale: bool) -> None:
        self._attributes = attributes
        self._show_stale = show_stale
        self.used: set[str] = set()

    def translate(self, condition: str) -> sa.ColumnElement[bool]:
        try:
            tree = ast.parse(condition.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ConditionError(
                f"the condition {condition!r} cannot be read ({error}); write it like: Gas == 'Argon' and MaxH_Pinj > 500"
            ) from error
        return self._truth(tree)

    def _truth(self, node: ast.expr) -> sa.ColumnElement[bool]:
        match node:
            case ast.BoolOp(op=ast.And(), values=parts):
                return sa.and_(*map(self._truth, parts))
            case ast.BoolOp(op=ast.Or(), values=parts):
                return sa.or_(*map(self._truth, parts))
            case ast.UnaryOp(op=ast.Not(), operand=part):
                return sa.not_(sa.func.coalesce(self._truth(part), False))
            case ast.Compare(left=left, ops=operators, comparators=others):
                pairs = zip([left, *others[:-1]], operators, others, strict=True)
                return sa.and_(*(self._comparison(a, op, b) for a, op, b in pairs))
            case ast.Name(id=name):
                kind, column = self._named(name)
                if kind == "boolean":
                    return column.is_(True)
                raise ConditionError(f"{name!r} alone is not a condition; compare it, for example: {name} == …")
            case _:
                raise ConditionError(
                    f"{ast.unparse(node)!r} is not a condition; compare attributes with ==, !=, <, <=, >, >= or in"
                )

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> sa.ColumnElement[bool]:
        if isinstance(operator, ast.In | ast.NotIn):
            if not isinstance(left, ast.Name) or not isinstance(right, ast.List | ast.Tuple):
                raise ConditionError(
                    f"{ast.unparse(right)!r} is not a list of values; write for example: Gas in ['Argon', 'Helium']"
                )
            kind, column = self._named(left.id)
            members = [self._constant(item, kind, left.id) for item in right.elts]
            found = sa.func.coalesce(column.in_(members), False)
            return sa.not_(found) if isinstance(operator, ast.NotIn) else found
        if type(operator) not in _COMPARISONS:
            raise ConditionError(
                f"{ast.unparse(ast.Compare(left, [operator], [right]))!r} is not a comparison of values"
            )
        if not isinstance(left, ast.Name) and isinstance(right, ast.Name):
            mirrored = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
            left, right, operator = right, left, mirrored.get(type(operator), type(operator))()
        if not isinstance(left, ast.Name):
            raise ConditionError(f"{ast.unparse(left)!r} is not the name of an attribute")
        kind, column = self._named(left.id)
        if isinstance(right, ast.Name):
            other_kind, other = self._named(right.id)
            if other_kind != kind:
                raise ConditionError(
                    f"{left.id!r} is a {kind} and {right.id!r} a {other_kind}; they cannot be compared"
                )
        else:
            other = sa.literal(self._constant(right, kind, left.id))
        compared: sa.ColumnElement[bool] = getattr(column, _COMPARISONS[type(operator)])(other)
        return compared

    def _named(self, name: str) -> tuple[str, sa.ColumnElement[Any]]:
        if name in _OWN:
            kind = {"Shot": "number", "Duration": "number", "Date": "date"}.get(name, "text")
            return kind, _OWN[name]
        if name not in self._attributes:
            raise _unknown(name, self._attributes)
        attribute = self._attributes[name]
        self.used.add(name)
        value = getattr(AttributeValue, attribute.kind)
        lookup = (
            sa.select(value)
            .where(AttributeValue.shot == Shot.number, AttributeValue.attribute_id == attribute.id, _believed())
            .correlate(Shot)
        )
        if not self._show_stale:
            lookup = lookup.where(sa.not_(_out_of_date()))
        return attribute.kind, lookup.scalar_subquery()

    @staticmethod
    def _constant(node: ast.expr, kind: str, name: str) -> Any:
        negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
        inner = node.operand if isinstance(node, ast.UnaryOp) and negative else node
        if not isinstance(inner, ast.Constant):
            raise ConditionError(
                f"{ast.unparse(node)!r} is not a value; compare {name!r} with a number, text, True or False"
            )
        value = -inner.value if negative and isinstance(inner.value, int | float) else inner.value
        fits = {
            "number": isinstance(value, int | float) and not isinstance(value, bool),
            "text": isinstance(value, str),
            "boolean": isinstance(value, bool),
            "date": isinstance(value, str),
        }[kind]
        if not fits:
            raise ConditionError(f"{name!r} is a {kind}, but it is compared with {value!r}")
        if kind == "date":
            from .timespan import instant

            return instant(str(value))
        return value

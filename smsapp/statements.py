"""Statements of the hot paths, run for many rows at once.

SQLAlchemy's own execution builds objects around every row and value, which takes longer than the
database needs for the row. Here a statement is compiled once and its rows go to the driver as they
are; what is written is the same, for the types that convert it are SQLAlchemy's still.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ARRAY, Connection, Insert, Text, TypeDecorator, Update, bindparam
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

Row = dict[str, Any]
Convert = Callable[[Any], Any]


def execute_many(conn: Connection, statement: Insert | Update, rows: Sequence[Row]) -> None:
    """Run an INSERT or UPDATE for each row, as `conn.execute` does.

    Args:
        rows: {name: value}, at least one, all with the same names. No column's default is
            filled in.
    """
    sql, to_driver = _prepared(statement, conn.dialect, tuple(rows[0]))
    conn.exec_driver_sql(sql, [to_driver(row) for row in rows])


@lru_cache(maxsize=256)
def _prepared(
    statement: Insert | Update, dialect: Dialect, names: tuple[str, ...]
) -> tuple[str, Callable[[Row], Any]]:
    """Return a statement's text, and what turns a row into its parameters."""
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(names))
    binds = {compiled.bind_names[bind]: bind for bind in compiled.bind_names}
    constants = {name: bind.value for name, bind in binds.items() if name not in names}
    in_order = compiled.positiontup or tuple(binds)
    converts = [(name, _convert(binds[name], dialect)) for name in in_order]

    def to_list(row: Row) -> list[Any]:
        values = constants | row
        return [convert(values[name]) if convert else values[name] for name, convert in converts]

    if compiled.positiontup:
        return compiled.string, lambda row: tuple(to_list(row))
    return compiled.string, lambda row: dict(zip(in_order, to_list(row), strict=True))


def _convert(bind: Any, dialect: Dialect) -> Convert | None:
    """Return what makes a value the driver's; the last one is remembered: rows share a time."""
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return None
    last: tuple[Any, Any] = (None, convert(None))

    def remember(value: Any) -> Any:
        nonlocal last
        before, converted = last
        if value is before:
            return converted
        converted = convert(value)
        last = (value, converted)
        return converted

    return remember


class among(FunctionElement[bool]):
    """Whether a column has one of the values of a list that is a single parameter.

    Unlike `column.in_`, which writes a parameter for each value: so the statement's text is
    always the same, and neither SQLAlchemy nor the database has to read it anew.
    """

    # Of no type: where there are no truth values, SQLAlchemy would compare a Boolean with 1, and
    # then SQLite finds no index.
    inherit_cache = True

    def __init__(self, column: Any, name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Several(column.type)))


class _Several(TypeDecorator[list[Any]]):
    """A list of values of one type: an array, or JSON where there is none."""

    impl = Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Text() if dialect.name == "sqlite" else ARRAY(self.item)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if dialect.name != "sqlite":
            return value
        convert = self.item.dialect_impl(dialect).bind_processor(dialect)
        return json.dumps([convert(item) for item in value] if convert else value)


@compiles(among)
def _among_array(element: among, compiler: Any, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(among, "sqlite")
def _among_json(element: among, compiler: Any, **kw: Any) -> str:
    column, values = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608  no value is in it

"""What all tables are made of: one metadata, names for constraints, and the kinds of columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only in a column declared INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")


def text(name: str) -> Column[str]:
    """A text that is always there."""
    return Column(name, Text, nullable=False)


def time(name: str) -> Column[int]:
    """A whole number of seconds that is always there."""
    return Column(name, BigInteger, nullable=False)


def flag(name: str) -> Column[bool]:
    """A truth value that is always there."""
    return Column(name, Boolean, nullable=False)


def reference(name: str, target: str) -> Column[str]:
    """Another table's key, always there."""
    return Column(name, Text, ForeignKey(target), nullable=False)


def one_of(column: str, *values: str) -> CheckConstraint:
    """Let the column be one of these values."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def only_row() -> tuple[Column[int], CheckConstraint]:
    """A table that has one row, numbered 1."""
    return Column("id", Integer, primary_key=True, autoincrement=False), CheckConstraint("id = 1", name="one_row")

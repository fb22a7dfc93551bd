"""Addresses of tables, ``postgresql://user@host/database/schema.table``, without passwords.

A password in an address is refused: it stands in the environment (PGPASSWORD) or in ~/.pgpass, where libpq reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from .errors import SpatialInputError
from .files import redacted

SCHEMES = ("postgresql://", "postgres://")
PATIENCE = 10  # seconds for a connection, unless the address has connect_timeout


@dataclass(frozen=True)
class Address:
    """A parsed address.

    Attributes
    ----------
    server : str
        What libpq takes: user, host, port, database, options; no password.
    schema, table : str or None
    """

    server: str = field(repr=False)
    schema: str | None
    table: str | None

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.schema, self.table)))


def is_database(path) -> bool:
    """Whether a name is an address of a database, not of a file."""
    return isinstance(path, str) and path.lower().startswith(SCHEMES)


def address(url: str, table: str | None = None) -> Address:
    """Take an address apart.

    Parameters
    ----------
    url : str
        ``postgresql://[user@][host][:port]/database[/[schema.]table][?option=value]``; a slash, a point or a question
        mark in a name is written %2F, %2E, %3F.
    table : str, optional
        ``[schema.]table``, where the address names none.

    Raises
    ------
    SpatialInputError
        E501 an address with a password, with too many parts, or with a table where one is named beside it.

    Examples
    --------
    >>> address("postgresql://me@db:5433/gis/public.tracts?sslmode=require")
    Address(schema='public', table='tracts')
    >>> address("postgresql://db/gis/parcels%2E2020").table
    'parcels.2020'
    """
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise _malformed(url) from error
    refuse_password(url)
    user, _, host = parts.netloc.rpartition("@")
    database, _, rest = parts.path.removeprefix("/").partition("/")
    if not database or "/" in rest or (rest and table):
        raise _malformed(url)
    names = [unquote(name) for name in rest.split(".")] if rest else (table or "").split(".")
    if len(names) > 2 or (len(names) == 2 and not all(names)):
        raise _malformed(url)
    server = f"postgresql://{user}{'@' if user else ''}{host}/{database}"
    query = urlencode({"connect_timeout": str(PATIENCE), "application_name": "spillover", **options})
    return Address(f"{server}?{query}", names[0] if names[1:] else None, names[-1] or None)


def refuse_password(word: str) -> None:
    """E501 for an address with a password anywhere in a word, as ``--map=postgresql://me:secret@host/gis``."""
    start = re.search("(?i)postgres(ql)?://", word)
    text = word[start.start():] if start else ""
    if text and redacted(text) != text:
        raise SpatialInputError("E501", f"'{redacted(text)}' holds a password, which others on this machine could read",
                                hint="leave it out, and set PGPASSWORD or write it into ~/.pgpass")


def _malformed(url: str) -> SpatialInputError:
    return SpatialInputError("E501", f"'{redacted(url)}' is no address of a table",
                             hint="as in postgresql://user@host:5432/database/schema.table")

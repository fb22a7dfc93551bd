"""How results read in a notebook: as in the terminal."""

from __future__ import annotations

from html import escape


class Shown:
    """A notebook shows what the terminal shows, escaped."""

    def __repr__(self) -> str:
        return str(self)

    def summary(self) -> str:
        """What ``print`` shows."""
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

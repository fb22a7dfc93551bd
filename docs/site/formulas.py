"""Formulas of docstrings keep their letters and columns: an indented block of prose is shown as it is written."""

from __future__ import annotations

import re

UNDERLINE = re.compile(r"-{3,}\s*$")
PROSE = ("Notes", "References")
BAR = "\N{DIVIDES}"  # looks like |, which would name a substitution


def literal(app, what, name, thing, options, lines: list[str]) -> None:
    """Put ``::`` before the indented blocks of the summary and the notes (a handler of autodoc-process-docstring)."""
    lines[:] = marked(lines)


def marked(lines: list[str]) -> list[str]:
    """The docstring with its formulas as literal blocks.

    >>> marked(["The lag model.", "", "    y = rho W y + e", "", "More."])
    ['The lag model.', '', '::', '', '    y = rho W y + e', '', 'More.']
    """
    out: list[str] = []
    prose = True
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and UNDERLINE.match(lines[i + 1]) and line.strip():
            prose = line.strip() in PROSE
        after_blank = i > 0 and not lines[i - 1].strip()
        inside = bool(out) and _in_block(out)
        if prose and line.startswith("    ") and after_blank and not inside:
            out += ["::", ""]
        block = line.startswith("    ") and prose
        out.append(line if block or "``" in line else line.replace("|", BAR))
    return out


def _in_block(out: list[str]) -> bool:
    """Whether the last line that is not blank belongs to a literal block or a list already."""
    last = next((line for line in reversed(out) if line.strip()), "")
    return last.startswith("    ") or last.rstrip().endswith("::") or last.lstrip().startswith(("* ", "- "))

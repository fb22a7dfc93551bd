"""A table in LaTeX: three rules of booktabs, decimal points under each other, every text escaped."""

from __future__ import annotations

import re

from .decimals import parts

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
}  # fmt: skip
NEGATIVE = re.compile(r"^([(\[]?)-(?=[\d.])|(?<=, )-(?=[\d.])")
PAGE = 95  # characters on a line of a page
SETUP = (r"\sisetup{input-open-uncertainty =, input-close-uncertainty =, table-align-text-pre = false, "
         r"table-align-text-post = false}")  # fmt: skip
SYMBOLS = {"rho": r"$\rho$", "lambda": r"$\lambda$", "sigma2": r"$\sigma^2$", "sigma2_mu": r"$\sigma^2_\mu$"}
TRAILING = re.compile(r"[^\d.]*$")


def escape(text: str) -> str:
    """The ten special characters and the three that old encodings misprint; true minus signs."""
    escaped = "".join(SPECIAL.get(c, c) for c in " ".join(text.split()))
    return NEGATIVE.sub(lambda m: f"{m[1] or ''}$-$", escaped)


def row_label(text: str) -> str:
    """A row's label; Greek letters and R2 as papers set them."""
    if text in SYMBOLS:
        return SYMBOLS[text]
    return f"$R^2$ {escape(text[2:])}".strip() if re.match(r"R2\b", text) else escape(text)


def latex(table, *, label: str = "", siunitx: bool = False) -> str:
    """A ``table`` environment.

    Parameters
    ----------
    table : Table
    label : str
        For ``\\ref``.
    siunitx : bool
        Columns of numbers are S columns; else decimals are aligned with phantoms.
    """
    cells = [[row[2][j] for row in table.rows() if not row[0]] for j in range(len(table.heads))]
    spec = "".join(map(_s_column, cells)) if siunitx else "".join(map(_r_column, cells))
    lines = [r"\begin{table}[htbp]", r"\centering"]
    lines += [rf"\caption{{{escape(table.caption)}}}"] * bool(table.caption) + [rf"\label{{{label}}}"] * bool(label)
    lines += [SETUP] * siunitx
    wide = is_wide(table)
    lines += [r"\resizebox{\linewidth}{!}{%"] * wide
    lines += [rf"\begin{{tabular}}{{l{spec}}}", r"\toprule", *_groups(table)]
    lines.append(" & ".join([escape(table.corner), *(_text(head, siunitx) for head in table.heads)]) + r" \\")
    shape = [_digits(column) for column in cells]
    for i, (title, body) in enumerate(table.sections):
        lines.append(r"\addlinespace" if i else r"\midrule")
        if title:
            lines.append(rf"\multicolumn{{{len(table.heads) + 1}}}{{l}}{{\textit{{{escape(title)}}}}} \\")
        for text, row in body:
            shown = [_s_cell(c) if siunitx else _r_cell(c, d) for c, d in zip(row, shape)]
            lines.append(" & ".join([row_label(text), *shown]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}" + "}" * wide]
    if table.notes:
        lines += [r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"]
        lines += [escape(note) + r"\par" for note in table.notes] + [r"\end{minipage}"]
    return "\n".join([*lines, r"\end{table}"])


def is_wide(table) -> bool:
    """Whether a table is too wide for a page, by its characters: it is scaled down, which the package graphicx does."""
    widths = [max(map(len, (head, *(row[2][j] for row in table.rows())))) for j, head in enumerate(table.heads)]
    labels = max(len(label) for _, label, _ in table.rows()) if table.sections else 0
    return labels + sum(width + 3 for width in widths) > PAGE


def _groups(table) -> list[str]:
    """Heads over several columns, each with a rule of its own."""
    if not table.groups:
        return []
    top, rules, at = [""], [], 2
    for text, span in table.groups:
        top.append(rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}")
        rules += [rf"\cmidrule(lr){{{at}-{at + span - 1}}}"] * bool(text)
        at += span
    return [" & ".join(top) + r" \\", "".join(rules)]


def _text(text: str, siunitx: bool) -> str:
    return f"{{{escape(text)}}}" if siunitx else rf"\multicolumn{{1}}{{c}}{{{escape(text)}}}"


def _digits(column: list[str]) -> int:
    """Decimals that the column's numbers have at most."""
    return max((len(_fraction(p[1])) for cell in column if (p := parts(cell))), default=0)


def _fraction(right: str) -> str:
    """The decimal point and what follows it, without stars and brackets."""
    return TRAILING.sub("", right)


def _r_column(column: list[str]) -> str:
    """A column aligned to the right; room for what hangs over: brackets and stars."""
    over = max((len(p[1]) - len(_fraction(p[1])) for cell in column if (p := parts(cell))), default=0)
    return f"r@{{\\hspace{{{1 + 0.5 * over:.1f}em}}}}"


def _r_cell(cell: str, digits: int) -> str:
    """A number with stars and brackets hanging over, padded to the column's decimals; another text centered."""
    split = parts(cell)
    if split is None:
        return rf"\multicolumn{{1}}{{c}}{{{escape(cell)}}}" if cell else ""
    fraction = _fraction(split[1])
    rest = split[1][len(fraction) :]
    missing = digits - len(fraction)
    point = missing > 0 and not fraction
    pad = rf"\phantom{{{'.' * point}{'0' * (missing - point)}}}" if missing else ""
    over = rf"\rlap{{{escape(rest)}}}" if rest else ""
    return escape(split[0] + fraction) + (over + pad if not pad else pad + over if not rest else over + pad)


def _s_column(column: list[str]) -> str:
    """siunitx: so many digits before and behind the point, brackets and stars as they are."""
    split = [p for cell in column if (p := parts(cell))]
    before = max((len(p[0].lstrip("([-<").replace(",", "")) for p in split), default=1)
    sign = "-" * any("-" in p[0] for p in split)
    stars = max((p[1].count("*") for p in split), default=0)
    post = f", table-space-text-post = {{{'*' * stars}}}" if stars else ""
    return f"S[table-format = {sign}{before}.{max(_digits(column) - 1, 0)}{post}]"


def _s_cell(cell: str) -> str:
    split = parts(cell)
    if split is None or "<" in cell or "," in cell:
        return f"{{{escape(cell)}}}" if cell else ""
    number = split[0].lstrip("([") + _fraction(split[1])
    opened = split[0][: len(split[0]) - len(split[0].lstrip("(["))]
    rest = split[1][len(_fraction(split[1])) :]
    return f"{{{opened}}}" * bool(opened) + number + f"{{{rest}}}" * bool(rest)

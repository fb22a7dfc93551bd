"""The page of errors from the code: what raises which code, with which words and which next step.

The one-line meanings, usual cures and examples are in errors.toml; everything else is read from the calls of
``SpatialInputError``, without running them. ``docs/build.py`` writes the page.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOMS = ("spillover", "weights", "spatial", "shapefiles")
CODE = re.compile(r"E[1-8]\d\d")
MOST, LONGEST = 8, 150  # messages of a code that are listed, and characters of each


def raised(root: Path = HERE.parent) -> dict[str, list[tuple[str, str]]]:
    """(message, hint) of every code, each pair once, in the order of the files.

    What a message is filled with stands as ``<name>``, or ``...``. Messages that are nothing else are
    left out, and so a code may have none.
    """
    pairs: dict[str, dict] = {}
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                    pairs.setdefault(node.value, {})
            for scope in ast.walk(tree):
                if isinstance(scope, ast.FunctionDef):
                    for code, *pair in _calls(scope):
                        pairs.setdefault(code, {})[tuple(pair)] = None
    return {code: [pair for pair in pairs[code] if _says(pair[0])] for code in sorted(pairs)}


def _calls(scope: ast.FunctionDef) -> Iterator[tuple[str, str, str]]:
    """(code, message, hint) of the calls in a function whose first argument is a code."""
    local = {}  # what a variable was last set to before the call
    for node in _in_order(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            local[node.targets[0].id] = node.value
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        codes = [code for code in _words(node.args[0], {}) if CODE.fullmatch(code)]
        hints = next((_words(k.value, local) for k in node.keywords if k.arg == "hint"), [""])
        messages = _words(node.args[1], local)
        if len(codes) == len(messages):  # one condition decides on both
            choices = list(zip(codes, messages))
        else:
            choices = [(code, message) for code in codes for message in messages]
        for i, (code, message) in enumerate(choices):
            yield code, message, hints[i] if len(hints) == len(choices) else hints[0]


def _in_order(scope: ast.AST) -> list[ast.AST]:
    """Nodes as they are read, without functions inside this one."""
    nodes = []
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            nodes += [child, *_in_order(child)]
    return nodes


def _words(node: ast.expr, local: dict) -> list[str]:
    """The texts that an expression may have."""
    if isinstance(node, ast.IfExp):
        return [*_words(node.body, local), *_words(node.orelse, local)]
    if isinstance(node, ast.Name) and node.id in local:
        return _words(local[node.id], {k: v for k, v in local.items() if k != node.id})
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [a + b for a in _words(node.left, local) for b in _words(node.right, local)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "counted":
        several = node.args[2].value if len(node.args) > 2 else node.args[1].value + "s"  # type: ignore[attr-defined]
        return [f"... {several}"]
    if isinstance(node, ast.JoinedStr):
        texts = [""]
        for part in node.values:
            filled = _words(part.value, local) if isinstance(part, ast.FormattedValue) else [part.value]
            filled = [f"'{one}'" if getattr(part, "conversion", -1) == ord("r") else one for one in filled]
            texts = [a + b for a in texts for b in filled]
        return texts
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else [""] if node.value is None else [str(node.value)]
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return [f"<{name.strip('_').replace('_', ' ')}>"]
    return ["..."]


def page(raises: dict[str, list[tuple[str, str]]] | None = None) -> str:
    """The page without the output of its examples."""
    raises = raised() if raises is None else raises
    written = tomllib.loads((HERE / "errors.toml").read_text(encoding="utf-8"))
    from spillover.errors import EXIT_STATUS

    parts = [written["opening"].strip()]
    for group in written["groups"]:
        digit = group["digit"]
        parts.append(f"## E{digit}xx: {group['title']} (exit status {EXIT_STATUS[digit]})")
        if "example" in group:
            parts.append(f"```python\n{group['example'].strip()}\n```")
        if "note" in group:
            parts.append(group["note"])
        codes = [code for code in written["codes"] if code[1] == digit]
        rows = []
        for code in sorted(codes):
            entry = written["codes"][code]
            rows.append(f"| {code} | {entry['trouble']} | {entry.get('cure') or _usual(raises.get(code, []))} |")
        parts.append("\n".join(["| code | trouble | usual cure |", "| --- | --- | --- |", *rows]))
        parts += [_listed(code, raises.get(code, [])) for code in sorted(codes) if raises.get(code)]
    return "\n\n".join(parts) + "\n"


def _usual(pairs: list[tuple[str, str]]) -> str:
    """The commonest hint, where it is that of a third of the messages."""
    (hint, count), *_ = Counter(hint for _, hint in pairs if _says(hint)).most_common(1) or [("", 0)]
    return _code(hint).replace("|", "\\|") if 3 * count > len(pairs) else "-"


def _says(text: str) -> bool:
    """Whether there are words beside what is filled in."""
    return bool(re.search(r"\w", re.sub(r"<[^>]*>", "", text)))


def _listed(code: str, pairs: list[tuple[str, str]]) -> str:
    """The messages of a code, and what each advises."""
    lines = [f"**{code}** says"]
    for message, hint in pairs[:MOST]:
        lines.append(f"- {_code(message)}" + f"; next: {_code(hint)}" * _says(hint))
    if len(pairs) > MOST:
        lines.append(f"- and {len(pairs) - MOST} other messages")
    return lines[0] + "\n\n" + "\n".join(lines[1:])


def _code(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip()
    text = text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " ..."
    return f"`` {text} ``" if "`" in text else f"`{text}`"

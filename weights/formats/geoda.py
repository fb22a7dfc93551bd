"""GeoDa's text files, which R's spdep and PySAL read too: .gal (links), .gwt and .kwt (links with weights)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover import labels as _labels
from spillover.errors import SpatialInputError, check_option
from spillover.matrix.assemble import assemble, check_weights
from spillover.matrix.convert import stated_style
from spillover.matrix.weights import SpatialWeights

from ._text import is_count, malformed, match_ids, number, one_word, read_text

MARK = "weights"  # where GeoDa writes the name of a layer: the third column holds weights, not distances
VALUES = {"links": "links only: the third column of the file is left out", "inverse": "1 / the file's third column",
          "given": "the file's third column as it stands"}


def write_gal(w: SpatialWeights, path) -> None:
    """Unit by unit: its id and number of neighbors, then their ids. Weights must all be 1."""
    if (w.csr.data != 1).any():
        raise SpatialInputError("E605", ".gal files hold links without weights, but these weights differ from 1",
                                hint="save w.standardize('none'), or as .parquet or .gwt, which hold weights")
    names = one_word(w.ids, path)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(f"0 {w.n} unknown {_id_name(w)}\n")
        for i, name in enumerate(names):
            row = w.csr.indices[w.csr.indptr[i] : w.csr.indptr[i + 1]]
            out.write(f"{name} {len(row)}\n{' '.join(names[j] for j in row)}\n")


def read_gal(path, ids=None, encoding: str | None = None) -> SpatialWeights:
    """Weights of 1 from a .gal file; ids are text unless ``ids`` gives them."""
    lines = read_text(path, encoding).splitlines()
    n = _size(path, lines)
    names, rows, at = [], [], 1
    while at < len(lines):
        head = lines[at].split()
        if not head:
            at += 1
            continue
        if len(head) != 2 or not is_count(head[1]):
            raise malformed(path, at + 1, f"expected an id and a number of neighbors, but found {lines[at][:60]!r}")
        count = int(head[1])
        row = lines[at + 1].split() if count and at + 1 < len(lines) else []
        if len(row) != count:
            raise malformed(path, at + 2, f"unit {head[0]!r} should have {count} neighbors, but {len(row)} are listed")
        names.append(head[0])
        rows.append(row)
        at += 2 if count or (at + 1 < len(lines) and not lines[at + 1].strip()) else 1
    if len(names) != n:
        raise malformed(path, 1, f"{n} units are announced, but {len(names)} follow")
    labels = _labels.unit_index(match_ids(names, ids, what=f"'{path.name}'"))
    focal = np.repeat(np.arange(n), [len(row) for row in rows])
    neighbor = match_ids([j for row in rows for j in row], labels, what=f"'{path.name}'")
    return _finish(labels, focal, neighbor, np.ones(len(focal)), path, ids, "none")


def write_gwt(w: SpatialWeights, path) -> None:
    """One line per link: focal, neighbor, weight (in full precision)."""
    names = one_word(w.ids, path)
    if len(w.islands):
        raise SpatialInputError("E605", f"{path.suffix} files have no place for units without neighbors",
                                ids=w.islands.tolist(), n=len(w.islands), hint="save as .parquet")
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        out.write(f"0 {w.n} {MARK} {_id_name(w)}\n")
        for i, name in enumerate(names):
            row = slice(w.csr.indptr[i], w.csr.indptr[i + 1])
            out.writelines(f"{name} {names[j]} {x!r}\n"
                           for j, x in zip(w.csr.indices[row], w.csr.data[row].tolist(), strict=True))


def read_gwt(path, ids=None, values: str | None = None, encoding: str | None = None) -> SpatialWeights:
    """Weights from a .gwt or .kwt file.

    The third column of a .gwt that GeoDa wrote holds distances, that of a .kwt kernel weights. ``values`` says what to
    make of it: "links" (every weight is 1; the default for a .gwt), "inverse" (1 / distance) or "given" (as it stands;
    the default for a .kwt, and for a .gwt that this package wrote).
    """
    lines = read_text(path, encoding).splitlines()
    n = _size(path, lines)
    if values is None:
        ours = lines[0].split()[2:3] == [MARK]
        values = "given" if ours or path.suffix.lower() == ".kwt" else "links"
    check_option("values", values, VALUES)
    table = []
    for at, line in enumerate(lines[1:], start=2):
        words = line.split()
        if words and len(words) != 3:
            raise malformed(path, at, f"expected focal, neighbor and weight, but found {line[:60]!r}")
        if words:
            table.append((words[0], words[1], number(path, at, words[2])))
    focal, neighbor, third = zip(*table, strict=True) if table else ((), (), ())
    names = list(dict.fromkeys([*focal, *neighbor]))
    labels = match_ids(names, ids, what=f"'{path.name}'")
    if ids is not None:
        labels = _labels.unit_index(ids)
    elif len(names) != n:
        raise SpatialInputError("E101", f"'{path.name}' announces {n} units, but its links name {len(names)}",
                                n=abs(n - len(names)), hint="units without links are not listed: give ids=")
    i = _labels.places(match_ids(focal, labels, what="focal units"), labels, what="focal units")
    weight = _weights(np.array(third, float), values, focal, neighbor)
    w = _finish(labels, i, match_ids(neighbor, labels, what="neighbors"), weight, path, ids, None,
                allow_self=path.suffix.lower() == ".kwt")
    return replace(w, notes=(*w.notes, VALUES[values]))


def _weights(third: np.ndarray, values: str, focal, neighbor) -> np.ndarray:
    """What the third column stands for; E303 for a distance of zero that has no inverse."""
    if values == "links":
        return np.ones(len(third))
    if values == "given":
        return third
    if (third <= 0).any():
        pairs = [(focal[k], neighbor[k]) for k in np.flatnonzero(third <= 0)[:5]]
        raise SpatialInputError("E303", "some distances are not positive, so they have no inverse", ids=pairs,
                                n=int((third <= 0).sum()), hint="values='links' makes every weight 1")
    return 1.0 / third


def _finish(labels, focal, neighbor, weight, path, ids, style, *, allow_self=False) -> SpatialWeights:
    j = _labels.places(neighbor, labels, what="neighbors")
    check_weights(weight, focal=focal, neighbor=j, ids=labels, allow_self=allow_self)
    pair = np.asarray(focal, np.int64) * len(labels) + j
    if len(np.unique(pair)) < len(pair):
        values, counts = np.unique(pair, return_counts=True)
        named = [(labels[p // len(labels)], labels[p % len(labels)]) for p in values[counts > 1][:5]]
        raise SpatialInputError("E310", f"'{path.name}' lists some links more than once", ids=named,
                                n=int((counts > 1).sum()),
                                hint="delete the repeated lines")
    w = assemble(focal, j, weight, labels, f"links of {path.name}")
    w = SpatialWeights(w.csr, labels, w.kind, stated_style(w.csr) if style is None else style)
    return w if ids is None or labels.equals(_labels.unit_index(ids)) else w.reindex(ids)


def _size(path, lines) -> int:
    """n from a first line "n" or "0 n layer id"."""
    head = lines[0].split() if lines else []
    word = head[0] if len(head) == 1 else head[1] if len(head) >= 2 else ""
    if not is_count(word):
        raise malformed(path, 1, f"expected the number of units, but found {lines[0][:60]!r}" if lines else "no text")
    return int(word)


def _id_name(w: SpatialWeights) -> str:
    name = str(w.ids.name or "id")
    return name if name.split() == [name] else "id"

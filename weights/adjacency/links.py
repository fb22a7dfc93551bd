"""Who touches whom: what polygons share bit for bit, and what the geometry of the remaining border adds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from .._points import refuse_infinite
from . import snap as _snap
from . import touch as _touch
from . import vertices as _vertices
from .joined import OVERLAPPING, SNAPPED, T_JUNCTION, Joined, joined
from .open_border import open_border

SHARING = {"queen": _vertices.sharing_a_vertex, "rook": _vertices.sharing_an_edge}


@dataclass(frozen=True)
class Links:
    """The pattern of contiguity and where it comes from.

    Attributes
    ----------
    csr : sparse array, shape (n, n)
        Ones.
    more : Joined or None
        Pairs that share no vertex (rook: no edge) bit for bit; None where nobody looked for them.
    reach : float
        The snap, in coordinates.
    few : array of int
        Polygons with an edge that no other polygon has bit for bit.
    """

    csr: sparse.csr_array
    more: Joined | None = None
    reach: float = 0.0
    few: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))


def touching(space: _touch.Space, begin: np.ndarray, rule: str, snap, tolerance: float | None = None) -> Links:
    """Links of the rule. ``snap`` None stops at what is shared bit for bit; ``tolerance`` is in metres."""
    if rule == "bishop":
        queens, rooks = (touching(space, begin, each, snap, tolerance) for each in ("queen", "rook"))
        csr = queens.csr - rooks.csr
        csr.eliminate_zeros()
        more = queens.more and chosen(queens.more, _touch.linked(csr, queens.more.a, queens.more.b))
        return replace(queens, csr=csr, more=more)
    csr, vertices = SHARING[rule](space.shapes, begin, geographic=space.geographic)
    links = Links(csr, few=vertices.few)
    refuse_infinite_border(vertices, space)
    if snap is not None:
        border = open_border(vertices, space.shapes, geographic=space.geographic)
        reach = _snap.distance(snap, space, border)
        more = joined(border, len(space.shapes), reach, corners=rule == "queen")
        more = chosen(more, ~_touch.linked(csr, more.a, more.b))
        links = Links(_touch.with_pairs(csr, more.a, more.b), more, reach, vertices.few)
    if tolerance is not None:
        links = replace(links, csr=_touch.within(space, links.csr, tolerance, rule))
    return links


def refuse_infinite_border(vertices: _vertices.OpenVertices, space: _touch.Space) -> None:
    """E202 where coordinates are infinite, looking only at polygons with an unmatched edge: the others have a twin."""
    if not np.isfinite(vertices.xy).all():
        refuse_infinite(space.shapes[vertices.few], space.ids[vertices.few])


def lengthened(exact: sparse.csr_array, vertices, space: _touch.Space, snap, measure) -> Links:
    """Lengths of common edges and, added to them, of the common pieces of unmatched ones."""
    border = open_border(vertices, space.shapes, geographic=space.geographic)
    reach = _snap.distance(snap, space, border)
    more = joined(border, len(space.shapes), reach, corners=False, lengths=measure(border.tail, border.head))
    more = chosen(more, more.length > 0)
    both = sparse.coo_array((np.tile(more.length, 2), (np.r_[more.a, more.b], np.r_[more.b, more.a])), exact.shape)
    new = ~_touch.linked(exact, more.a, more.b)
    return Links(sparse.csr_array(exact + both.tocsr()), chosen(more, new), reach)


def without_common_vertices(space: _touch.Space, begin: np.ndarray, snap) -> Links:
    """Every pair that queen or rook contiguity owes to geometry; ``csr`` is what shares vertices bit for bit."""
    border_of = {rule: sharing(space.shapes, begin, geographic=space.geographic) for rule, sharing in SHARING.items()}
    (vertices, unmatched), (edges, _) = border_of["queen"], border_of["rook"]
    border = open_border(unmatched, space.shapes, geographic=space.geographic)
    reach = _snap.distance(snap, space, border)
    more = joined(border, len(space.shapes), reach, corners=True, lengths=np.hypot(*(border.head - border.tail).T))
    new = ~_touch.linked(vertices, more.a, more.b) | (more.rook & ~_touch.linked(edges, more.a, more.b))
    return Links(vertices, chosen(more, new), reach)


def chosen(pairs: Joined, which: np.ndarray) -> Joined:
    return Joined(*(getattr(pairs, name)[which] for name in Joined.__dataclass_fields__))


def note(links: Links, space: _touch.Space) -> tuple[str, ...]:
    """What the header says of pairs without common vertices: nothing where there are none."""
    more = links.more
    if more is None or not len(more.a):
        return ()
    counts = []
    for how, word in ((T_JUNCTION, "T-junctions"), (SNAPPED, "snapped"), (OVERLAPPING, "overlapping")):
        these = more.how == how
        widest = more.gap[these].max(initial=0)
        counts.append(f"{word} {these.sum():,}" + (f" (widest {in_words(widest, space)})" if widest else ""))
    return (f"{len(more.a):,} {'pair rests' if len(more.a) == 1 else 'pairs rest'} on borders without common vertices: "
            f"{', '.join(counts)}; snap {in_words(links.reach, space)}; see audit",)


def in_words(distance: float, space: _touch.Space) -> str:
    """A distance in coordinates with its unit."""
    if space.geographic:
        return f"{distance:.2g} degrees"
    if space.unit != "m":
        return f"{distance:.2g} coordinate units"
    metres = distance * space.factor
    for size, unit in ((1e-9, "nm"), (1e-6, "µm"), (1e-3, "mm")):
        if metres < 1000 * size:
            return f"{metres / size:.3g} {unit}"
    return f"{metres:.3g} m"

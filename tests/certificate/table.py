"""The counts as they stand in docs/bad-inputs.md."""

from __future__ import annotations

from collections import Counter

from .judge import KINDS, End


def table(ends: dict[str, list[End]]) -> str:
    """Rooms by endings, as Markdown; the last row sums."""
    rows = {**ends, "all": [end for room in ends.values() for end in room]}
    lines = [f"| | {' | '.join(KINDS)} |", "| --- |" + " ---: |" * len(KINDS)]
    for room, those in rows.items():
        counts = Counter(end.kind for end in those)
        lines.append(f"| {room} | " + " | ".join(str(counts[kind]) for kind in KINDS) + " |")
    return "\n".join(lines)

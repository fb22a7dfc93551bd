"""``python -m tests.certificate``: how every case ends, counted by class."""

from collections import Counter

from .cases import World
from .judge import KINDS, judged
from .rooms import ROOMS

world = World()
for room, cases in ROOMS.items():
    ends = [judged(case) for case in cases(world)]
    counts = Counter(end.kind for end in ends)
    print(f"{room:<20}" + "  ".join(f"{kind} {counts[kind]:>3}" for kind in KINDS))
    for case, end in zip(cases(world), ends, strict=True):
        if end.kind not in ("right", "error"):
            print(f"    {end.kind}: {case.name}: {end.words}")

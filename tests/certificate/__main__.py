"""``python -m tests.certificate``: how every case ends, counted by class, and which did not end well."""

from .cases import World
from .judge import judged
from .rooms import ROOMS
from .table import table

world = World()
ends = {room: [(case, judged(case)) for case in cases(world)] for room, cases in ROOMS.items()}
print(table({room: [end for _, end in pairs] for room, pairs in ends.items()}))
for room, pairs in ends.items():
    for case, end in pairs:
        if end.kind not in ("right", "error"):
            print(f"{room}: {case.name}: {end.kind}: {end.words}")

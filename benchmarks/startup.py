"""A new process: how soon is the help there, and Moran's I of 48 states, beside libpysal and esda?

    python benchmarks/startup.py --rounds 7

Both read the same GeoPackage and CSV, pick 1986, build queen neighbors, standardise by row, and permute 999 times; the
statistics are compared before anything is timed. Processes run by turns. Seconds of CPU, which depend little on what
else the machine does, and of the clock: the least and the median. Beside them the packages that must be imported for
that answer, in a process that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEER = """
import sys
import geopandas, pandas
from esda.moran import Moran
from libpysal.weights import Queen
states, panel = geopandas.read_file(sys.argv[1]), pandas.read_csv(sys.argv[2])
y = panel[panel.year == 1986].set_index("state")["unemp"].reindex(states["state"])
w = Queen.from_dataframe(states, ids=states["state"].tolist(), use_index=False)
w.transform = "r"
print(Moran(y.to_numpy(), w, permutations=999).I)
"""
IMPORTS = """
import atexit, gc
gc.disable()  # as good as off in the shell, too
atexit.register(gc.freeze)
import pandas, geopandas, pyogrio, scipy.sparse
"""
SHELL = [sys.executable, "-m", "spillover"]


def seconds(command: list) -> tuple[float, float, str]:
    """CPU and clock of a process, and what it prints."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    after = os.times()
    cpu = sum(getattr(after, name) - getattr(before, name) for name in ("children_user", "children_system"))
    return cpu, time.perf_counter() - start, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        import shapefiles

        states, panel = Path(folder) / "states.gpkg", Path(folder) / "panel.csv"
        shapefiles.load("us_states").reset_index()[["state", "geometry"]].to_file(states)
        shapefiles.load_panel("us_states").to_csv(panel, index=False)
        moran = [*SHELL, "moran", panel, "-m", states, "-c", "unemp", "-w", "queen", "--where", "year=1986"]
        peer = [sys.executable, "-c", PEER, states, panel]
        ours = float(seconds([*moran, "-o", "-"])[2].splitlines()[1].split(",")[1])
        theirs = float(seconds(peer)[2])
        assert abs(ours - theirs) < 1e-9, (ours, theirs)
        commands = {
            "python, nothing else": [sys.executable, "-c", "pass"], "spillover --help": [*SHELL, "--help"],
            "spillover moran --help": [*SHELL, "moran", "--help"], "spillover moran": moran,
            "its imports alone": [sys.executable, "-c", IMPORTS], "libpysal and esda": peer,
        }  # fmt: skip
        times = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command)[:2])
    print(f"{'':<24}{'CPU, least':>12}{'median':>9}{'clock, least':>14}{'median':>9}   seconds")
    for name, pairs in times.items():
        cpu, clock = zip(*pairs, strict=True)
        print(f"{name:<24}{min(cpu):12.2f}{statistics.median(cpu):9.2f}{min(clock):14.2f}{statistics.median(clock):9.2f}")
    for name in ("its imports alone", "libpysal and esda"):
        turns = [other[0] / ours[0] for ours, other in zip(times["spillover moran"], times[name], strict=True)]
        print(f"{name}: {statistics.median(turns):.2f} times the CPU of spillover moran (turn by turn: "
              f"{min(turns):.2f} to {max(turns):.2f})")  # fmt: skip


if __name__ == "__main__":
    main()

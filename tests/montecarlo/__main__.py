"""``python -m tests.montecarlo run [PATTERN] [--part 1/2] [--again]``, ``list``, ``page``, ``summary``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .engine import JOURNAL, run, tidy_journal
from .grid import cells, named


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.montecarlo", description=__doc__)
    parser.add_argument("verb", choices=("run", "list", "page", "summary"))
    parser.add_argument("pattern", nargs="?", help="cells by name, 'sar-n48-*'; all by default")
    parser.add_argument("--part", default="1/1", help="I/M: every M-th cell from the I-th on, for several machines")
    parser.add_argument("--again", action="store_true", help="also cells whose inputs are the same as before")
    parser.add_argument("--samples", type=int, help="so many, instead of 400 and, near the bar, 2,000")
    parser.add_argument("--journal", type=Path, default=JOURNAL, help="where results are appended, a line a cell")
    args = parser.parse_args()
    first, parts = map(int, args.part.split("/"))
    chosen = named(args.pattern, (first, parts))
    if args.verb == "run":
        try:
            run(chosen, again=args.again, samples=args.samples, path=args.journal)
        except KeyboardInterrupt:
            print("stopped; whole cells are kept")
    elif args.verb == "list":
        print("\n".join(f"{cell.family:40} {cell.name}" for cell in chosen))
    else:
        from .page import summary, write

        tidy_journal(cells())
        print(summary()) if args.verb == "summary" else write()


if __name__ == "__main__":
    main()

"""Make docs/parity.md and docs/parity.json of docs/parity.toml.

    python docs/build_parity.py
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
VERDICTS = {"same": "same number", "differs": "differs on purpose", "ours": "ours alone"}
HEAD = """# Which numbers are whose

Every estimator and test of `spatial` beside R, Stata, MATLAB and Python. *Same number* says to how many significant
digits a test of the project compares them; *differs on purpose* names the reason, told at length in [where references
disagree](disagreements.md); *ours alone* has no program to be compared with, and a slow dense twin or a law of its own
as a witness. A reference "beside the project" is R's or Stata's output that is not ours to ship: its tests are skipped
where it is absent. `parity.json` has the same for programs.
"""


def read() -> dict:
    return tomllib.loads((HERE / "parity.toml").read_text(encoding="utf-8"))


def page(index: dict) -> str:
    """The Markdown page."""
    count = {verdict: sum(e["verdict"] == verdict for e in index["entry"]) for verdict in VERDICTS}
    lines = [HEAD, ", ".join(f"{n} {VERDICTS[v]}" for v, n in count.items()) + ".\n"]
    lines += ["| what | here | verdict | beside | digits | test, reference |", "|---|---|---|---|--:|---|"]
    for e in index["entry"]:
        names = ", ".join(f"`{name}`" for name in e["ours"]) or "`weights`"
        beside = f"{e['peer']}. {e['note']}" if e.get("note") else e["peer"]
        reference = f"`{e['reference']}`" if "/" in e["reference"] else e["reference"]
        where = ", ".join(filter(None, (f"`{e['test']}`", reference)))
        cells = (e["what"], names, VERDICTS[e["verdict"]], beside, str(e.get("digits", "")), where)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["\n## What is not here, and who has it\n", "| what | who |", "|---|---|"]
    lines += [f"| {o['what']} | {o['who']} |" for o in index["other"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    index = read()
    (HERE / "parity.md").write_text(page(index), encoding="utf-8")
    text = json.dumps({"entries": index["entry"], "elsewhere": index["other"]}, ensure_ascii=False, indent=1)
    (HERE / "parity.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

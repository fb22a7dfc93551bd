"""Make docs/study-file.md of the keys that ``spillover study --check`` goes by.

    python docs/build_study.py
"""

from __future__ import annotations

import re
from pathlib import Path

from spillover.cli.study import keys
from spillover.cli.study.chapters import ALWAYS, STEPS, function

PAGE = Path(__file__).parent / "study-file.md"
HEAD = """# Every key of a study file

`spillover study --new study.toml` writes a commented file that runs as it stands, `spillover study study.toml --check`
says what is wrong with one before anything runs, `spillover study study.toml -o folder` runs it. This page is made of
what `--check` goes by; [tables, files and a bundle for a paper](for-a-paper.md) shows what comes out.
"""
AUTOMATIC = ("columns", "outcome")


def page() -> str:
    """The Markdown page."""
    examples = keys.examples()
    lines = [HEAD, *_section("The file itself", keys.TOP, examples[""])]
    lines += _section("[data]", keys.DATA, examples["data"])
    about = "Keywords of the model, as `help(sp.sdm)` has them; which of them a model takes, `--check` says."
    lines += _section("[options]", keys.of_options(), examples["options"], about)
    lines += _section("[weights]", keys.WEIGHTS, {"NAME": examples["weights"]["5 nearest"]})
    lines += _section("[words]", keys.TERMS, {"TERM": examples["words"]["unemp"]})
    named = {"NAME": examples["columns"]["productivity"], **examples["columns.capital_index"]}
    lines += _section("[columns]", keys.COLUMN, named, "A column is an expression, or a table `[columns.NAME]` with an "
                      "indicator and its arguments; each is computed in the order of the file.")  # fmt: skip
    for name, arguments in keys.of_indicators().items():
        shown = keys.examples_of_indicator(name)
        lines += _section(f'[columns.NAME] with how = "{name}"', arguments, shown, level="###")
    lines.append("## [steps]\n\nA step is taken when its table is there, in the order of this page. "
                 f"{', '.join(f'`{name}`' for name in ALWAYS)} always are, and have no keys.\n")  # fmt: skip
    for step in STEPS:
        if step in AUTOMATIC or step in ALWAYS:
            continue
        about = (function(step).__doc__ or "").strip().splitlines()[0]
        lines += _section(f"[steps.{step}]", keys.of_step(function(step)), examples.get(f"steps.{step}", {}), about,
                          level="###")  # fmt: skip
    return "\n".join(lines) + "\n"


def _section(title: str, entries: dict[str, keys.Key], examples: dict[str, str], about: str = "", level: str = "##"):
    lines = [f"{level} {title}\n"] + [f"{about}\n"] * bool(about)
    if not entries:
        return [*lines, "No keys: the table is left empty.\n"]
    lines += ["| key | type | default | meaning | example |", "|---|---|---|---|---|"]
    for name, key in entries.items():
        example = f"`{examples[name]}`" if name in examples else ""
        cells = (f"`{name}`", keys.kind_in_words(key.kind), key.default, key.meaning, example)
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    return [*lines, ""]


def _cell(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text).replace("|", "\\|")


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

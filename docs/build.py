"""Run the studies and put what they print below each block: ``python docs/build.py [--check] [PAGE ...]``.

Python blocks of a page share one namespace and run in order, in this folder. With --check nothing is written and
the exit status tells whether a page ran through. On a page that begins with ``<!-- commands -->`` blocks of
bash are run too, their lines by ``spillover`` itself, and the page has a folder of its own for its files. A page whose
first line names a file of data that the project does not ship, ``<!-- data: FILE -->``, finds its folder as ``DATA``;
it is left as it is where the file is not there. ``DATA`` is ``shared/data`` beside the checkout, or what the
environment variable SPILLOVER_DATA names.
``REFERENCE`` is the folder of the stored references.

A page that begins with ``<!-- code: PAGE -->`` is a translation: its blocks, in their order, are those of PAGE with
what they print; only comments at the ends of lines are its own. Blocks below ``<!-- own -->`` are not in PAGE; a page
that has some is run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shlex
import sys
import tempfile
import warnings
from pathlib import Path

HERE = Path(__file__).parent
DATA = Path(os.environ.get("SPILLOVER_DATA") or HERE.parents[1] / "shared" / "data")
NEEDS = re.compile(r"<!-- data: (\S+) -->")
BLOCK = re.compile(r"```(?P<language>python|bash)\n(?P<code>.*?)```\n(?:\n```(?:text|json)\n.*?```\n)?", re.DOTALL)
COMMANDS = "<!-- commands -->"
STATUS = re.compile(r"# exit status (\d+)$")
TRANSLATION = re.compile(r"<!-- code: (\S+) -->")
OWN = "<!-- own -->"
COMMENT = re.compile(r" +# .*$")
PEERS = r"(esda|libpysal|spreg)\b"  # what these warn of concerns their own parts


def run(page: Path) -> str:
    """The page with fresh output below its blocks."""
    text = page.read_text(encoding="utf-8")
    if original := TRANSLATION.match(text):
        text = translated(text, (page.parent / original[1]).read_text(encoding="utf-8"))
        if OWN not in text:
            return text
    return run_text(text, page.name)


def translated(text: str, original: str) -> str:
    """The translation of a page with the blocks of the original, and what they print."""
    blocks = BLOCK.finditer(original)

    def filled(match: re.Match) -> str:
        if text[: match.start()].rstrip().endswith(OWN):
            return match[0]
        block = next(blocks)
        return block[0].replace(block["code"], _with_comments(block["code"], match["code"]), 1)

    text = BLOCK.sub(filled, text)
    if left := len(list(blocks)):
        raise RuntimeError(f"the translation has {left} blocks less than the page")
    return text


def _with_comments(code: str, translation: str) -> str:
    """The lines of the code, with the comments of the translation where the code of a line is the same."""
    theirs = {COMMENT.sub("", line): line for line in translation.splitlines()}
    lines = [theirs.get(COMMENT.sub("", line), line) if COMMENT.search(line) else line for line in code.splitlines()]
    return "".join(f"{line}\n" for line in lines)


def run_text(text: str, name: str) -> str:
    """The same for a page that is not in a file yet."""
    space: dict = {"DATA": DATA, "REFERENCE": HERE.parent / "tests" / "reference"}
    commands = text.startswith(COMMANDS)

    def with_output(match: re.Match) -> str:
        if match["language"] == "bash" and not commands:
            return match[0]
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", module=PEERS)
            if match["language"] == "bash":
                _run_commands(match["code"])
            else:
                exec(compile(match["code"], name, "exec"), space)
        lines = [line.rstrip() for line in printed.getvalue().rstrip().splitlines()]
        kind = "json" if lines[:1] == ["{"] else "text"
        shown = f"\n```{kind}\n" + "\n".join(lines) + "\n```\n" if lines else ""
        return f"```{match['language']}\n{match['code']}```\n{shown}"

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder if commands else "."):
        return BLOCK.sub(with_output, text)


def _run_commands(code: str) -> None:
    """Lines of a shell, all of which must be commands of ours that end well, or as a comment says: # exit status 3."""
    from spillover.cli import _app
    from spillover.cli._errors import run

    before = sys.argv
    for line in code.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        sys.argv = shlex.split(line, comments=True)
        expected = int(announced[1]) if (announced := STATUS.search(line)) else 0
        messages = contextlib.redirect_stderr(sys.stdout) if expected else contextlib.nullcontext()
        try:
            with messages:
                status = run(_app)
        finally:
            command, sys.argv = sys.argv, before
        if not line.startswith("spillover ") or status != expected:
            raise RuntimeError(f"{line!r} ended with status {status}: {command}")


def lacking(page: Path) -> str | None:
    """The file of data that a page needs and that is not there."""
    needed = NEEDS.match(page.read_text(encoding="utf-8"))
    return needed[1] if needed and not (DATA / needed[1]).is_file() else None


def errors_page() -> str:
    """The page of errors, which is read from the code."""
    return generator().page()


def generator():
    """``build_errors``, wherever this is run from."""
    spec = importlib.util.spec_from_file_location("build_errors", HERE / "build_errors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    os.chdir(HERE)
    chosen = {name for name in sys.argv[1:] if name != "--check"}
    texts = {page: page.read_text(encoding="utf-8") for page in sorted(HERE.glob("*.md"))}
    for page in sorted(texts, key=lambda page: bool(TRANSLATION.match(texts[page]))):  # after what they translate
        if chosen and page.name not in chosen:
            continue
        text = texts[page]
        if "```python" in text or text.startswith(COMMANDS) or TRANSLATION.match(text):
            print(page.name, file=sys.stderr)
            if missing := lacking(page):
                print(f"  left as it is: needs {missing}", file=sys.stderr)
                continue
            fresh = run_text(errors_page(), page.name) if page.name == "errors.md" else run(page)
            if "--check" not in sys.argv:
                page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()

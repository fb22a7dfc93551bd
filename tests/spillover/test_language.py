"""The catalogue holds every sentence of the code and no other, translations fit their places, and languages stay in
their block."""

import gettext
import subprocess
import sys
import threading
from pathlib import Path
from string import Formatter

import pytest

from spillover import po
from spillover.errors import SpatialInputError
from spillover.language import current, joined, language, listed, phrase, phrases, stored, tag_of
from tests import catalogue

FILES = sorted(catalogue.HOME.glob("*.po"))
MESSAGES = {path.stem: po.read(path.read_text(encoding="utf-8")) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_catalogue_is_that_of_the_code(path):
    have = {message.key for message in MESSAGES[path.stem] if message.text}
    want = {message.key for message in catalogue.collected()}
    assert not want - have, "new sentences: python tests/catalogue.py, then translate them"
    assert not have - want, "stale sentences: python tests/catalogue.py"
    assert path.read_text(encoding="utf-8") == catalogue.updated(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MESSAGES)
def test_every_message_is_translated_and_its_places_are_filled(name):
    for message in MESSAGES[name]:
        assert message.translation, message
        if message.text:
            places = {place for text in (message.text, message.plural) for _, place, _, _ in Formatter().parse(text)}
            assert {place for _, place, _, _ in Formatter().parse(message.translation)} | {None} == places | {None}


def literals() -> str:
    """Every text constant of the code but the list of stored texts itself, and the names of its parameters."""
    import ast

    parts = []
    for path in catalogue.sources():
        if path.name == "stored_texts.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts.append(node.value)
            elif isinstance(node, ast.arg):
                parts.append(node.arg)
    return "\0".join([*parts, *(part.replace("_", " ") for part in parts), *(part.capitalize() for part in parts)])


def glued(words: list[str], code: str, most: int = 4) -> bool:
    """Whether the words are at most so many runs of words that stand in the code."""
    if not words:
        return True
    ends = [k for k in range(1, len(words) + 1) if " ".join(words[:k]).strip(";,.:()") in code]
    return most > 0 and any(glued(words[k:], code, most - 1) for k in reversed(ends))


def test_stored_texts_are_still_what_results_hold():
    """Between the places of a stored text stands what the code has, in one piece or in few."""
    from spatial.report.stored_texts import STORED

    code = literals()
    stale = [text for text in STORED for piece, *_ in Formatter().parse(text) if not glued(piece.split(), code)]
    assert not stale
    assert not glued(["no", "code", "says", "this", "and", "never", "will"], code)


def test_po_files_are_what_gettext_reads(tmp_path):
    """Messages with contexts, plurals, quotes and line ends come back from gettext of the standard library."""
    header = po.Message("", "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=1; plural=0;\n")
    messages = [header, po.Message('a "b"\n', "甲"), po.Message("a", "乙", context="head"),
                po.Message("one", "丙", plural="many")]
    text = po.write(messages)
    assert po.read(text) == messages
    result = po.translations(po.read(text))
    assert isinstance(result, gettext.GNUTranslations)
    assert [result.gettext('a "b"\n'), result.pgettext("head", "a"), result.gettext("a")] == ["甲", "乙", "a"]
    assert result.ngettext("one", "many", 1) == result.ngettext("one", "many", 5) == "丙"


def test_the_language_ends_with_its_block_also_after_an_error():
    def fails():
        with language("zh-CN"):
            heard.append((current(), phrase("The answer")))
            raise ZeroDivisionError

    heard = []
    with pytest.raises(ZeroDivisionError):
        fails()
    assert heard == [("zh-CN", "结论")]
    assert (current(), phrase("The answer")) == ("en", "The answer")


def test_threads_keep_their_own_language():
    heard = {}

    def speak(tag):
        with language(tag):
            barrier.wait(timeout=10)
            heard[tag] = phrase("The answer")
            barrier.wait(timeout=10)

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=speak, args=(tag,)) for tag in ("en", "zh-CN")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"en": "The answer", "zh-CN": "结论"}


@pytest.mark.parametrize("tag", ["zh", "zh-CN", "zh_CN", "zh-Hans-CN"])
def test_tags_of_one_language(tag):
    assert tag_of(tag) == "zh-CN"


@pytest.mark.parametrize("tag", ["de", "zh-TW", "", "<script>"])
def test_other_languages_are_refused_with_those_there_are(tag):
    with pytest.raises(SpatialInputError, match="E501") as caught:
        tag_of(tag)
    assert caught.value.hint == "choose one of en, zh-CN"


def test_stored_texts_are_translated_with_what_they_hold():
    text = "k nearest (k=5, great-circle), row-standardised, 1,240 links, no islands; islands dropped: 3"
    assert stored(text) == text
    with language("zh-CN"):
        assert stored(text) == "k 近邻（k=5，大圆距离），行标准化，1,240 条邻接关系，无孤立单元；已剔除孤立单元：3"
        assert stored("Of SDM, SDEM and SAC, SDM has the least AICc.") == "在 SDM, SDEM 和 SAC 中，SDM 的 AICc 最小。"
        assert stored("Gotham; City") == "Gotham；City"


def test_lists_and_sentences_in_both_languages():
    assert (listed("abc"), joined(["A.", "", "B."]), joined([])) == ("a, b, c", "A. B.", "")
    assert phrases("Not estimated: {names}. What follows says nothing about it.",
                   "Not estimated: {names}. What follows says nothing about them.", 2, names="a").endswith("them.")
    with language("zh-CN"):
        assert (listed("ab"), joined(["甲。", "乙。"])) == ("a、b", "甲。乙。")
        assert phrase("Map of {variable}", variable="产出") == "产出地图"
        assert phrase("Map of {variable}", variable="gdp") == "gdp 地图"


def test_catalogues_come_with_the_package(tmp_path):
    """From a wheel's list of files: what setup.cfg ships holds every catalogue."""
    from configparser import ConfigParser

    config = ConfigParser()
    config.read(catalogue.ROOT / "setup.cfg")
    shipped = [part.strip() for part in config["options.package_data"]["spillover"].split(",")]
    package = catalogue.ROOT / "spillover"
    files = {path for pattern in shipped for path in package.glob(pattern)}
    assert set(FILES) <= files
    assert (package / "cli/study/demo.zh-CN.toml") in files


def test_english_needs_no_catalogue():
    """Nothing is read from disk for the language that the code is written in."""
    code = "import spillover.language as l; assert l.phrase('The answer') and not l._messages.cache_info().currsize"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(catalogue.ROOT))

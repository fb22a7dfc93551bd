"""The report of the demo in a browser: on a screen, a tablet and a phone; maps and tables answer; nothing is asked for.

With SPILLOVER_PICTURES=1 the pictures of the docs are put in place.
"""

import os
from pathlib import Path

import pytest

from .chromium import Chromium, program

pytestmark = [pytest.mark.pages, pytest.mark.skipif(program() is None, reason="needs Chromium")]
IMAGES = Path(__file__).parents[2] / "docs" / "images"
MIDDLE = """(function (e) { e.scrollIntoView({block: "center"}); var b = e.getBoundingClientRect();
             return [b.x + b.width / 2, b.y + b.height / 2]; })"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    from spillover.cli import _app

    folder = tmp_path_factory.mktemp("pages") / "研究 demo"
    _app()(["demo", "-o", str(folder)], standalone_mode=False)
    return folder / "report.html"


@pytest.fixture(scope="module")
def browser():
    with Chromium() as chromium:
        yield chromium


@pytest.mark.parametrize("width", [1280, 768, 500, 390])
def test_nothing_is_cut_off_without_a_cue(browser, page, width, tmp_path):
    browser.open(page, width)
    assert browser.ask("document.documentElement.scrollWidth") <= width
    boxes = browser.ask("Array.from(document.querySelectorAll('.scroll')).map(b => [b.clientWidth, b.scrollWidth, "
                        "b.classList.contains('more'), getComputedStyle(b, '::before').content])")  # fmt: skip
    visible = [box for box in boxes if box[0]]
    assert len(visible) > 3
    for shown, whole, more, words in visible:
        assert more == (whole > shown + 2)
        assert ("more columns" in words) == more
    assert browser.ask("document.querySelectorAll('.answer p').length") == 3
    assert browser.ask("document.querySelectorAll('.leading figure').length") == 2
    assert not browser.requests()
    browser.picture(tmp_path / f"report_{width}.png")
    assert (tmp_path / f"report_{width}.png").stat().st_size > 20_000
    if os.environ.get("SPILLOVER_PICTURES") and width in (1280, 390):
        browser.picture(IMAGES / f"report_{width}.png")


def test_a_map_reads_out_the_unit_under_the_pointer_and_by_keys(browser, page):
    browser.open(page, 1280)
    titles = browser.ask("Array.from(document.querySelectorAll('.leading .map path title')).map(t => t.textContent)")
    assert len(titles) == 48
    texas = next(k for k, title in enumerate(titles) if title.startswith("Texas (TX)"))
    browser.move(*browser.ask(MIDDLE + f"(document.querySelectorAll('.leading .map path')[{texas}])"))
    assert browser.ask("document.querySelector('.leading .reading').textContent") == titles[texas]
    browser.ask("document.querySelector('.leading .map svg').focus()")
    browser.press("ArrowRight")
    assert browser.ask("document.querySelector('.leading .reading').textContent") == titles[texas + 1]


def test_a_table_sorts_by_any_column_and_back(browser, page):
    browser.open(page, 1280)
    find = "Array.from(document.querySelectorAll('table:not(.paper)')).find(t => t.textContent.includes('Louisiana'))"
    column = browser.ask(f"Array.from({find}.tHead.rows[0].cells).findIndex(c => c.textContent.trim() === 'I')")
    read = f"Array.from({find}.tBodies[0].rows).map(r => Number(r.cells[{column}].textContent))"
    before = browser.ask(read)
    place = MIDDLE + f"({find}.tHead.rows[0].cells[{column}])"
    browser.move(*browser.ask(place), click=True)
    assert browser.ask(read) == sorted(before)
    browser.move(*browser.ask(place), click=True)
    assert browser.ask(read) == sorted(before, reverse=True)
    assert browser.ask(f"{find}.tHead.rows[0].cells[{column}].getAttribute('aria-sort')") == "descending"


def test_the_page_breaks_no_rule_of_its_own_and_is_small(browser, page):
    browser.open(page, 1280)
    message = [event["params"]["entry"]["text"] for event in browser.events if event.get("method") == "Log.entryAdded"]
    assert not message
    assert page.stat().st_size < 1_500_000


def test_without_scripts_all_is_there(browser, page):
    browser.open(page, 1280, scripts=False)
    picture = browser.call("Page.captureScreenshot", format="png")["data"]
    assert len(picture) > 20_000
    assert "<title>Texas (TX)" in page.read_text(encoding="utf-8")

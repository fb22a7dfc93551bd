"""The glossary is made of what the code says, and its terms are those of the Chinese catalogue."""

import importlib.util
import re
from pathlib import Path

from spillover import po

ROOT = Path(__file__).parent.parent


def builder():
    spec = importlib.util.spec_from_file_location("build_glossary", ROOT / "docs" / "build_glossary.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current():
    built = builder()
    assert built.PAGE.read_text(encoding="utf-8") == built.page(), "stale: python docs/build_glossary.py"


def test_terms_are_those_that_the_report_uses():
    """Of the Chinese words of the glossary nearly all stand in the catalogue; the rest are models' full names."""
    text = (ROOT / "spillover" / "languages" / "zh_CN.po").read_text(encoding="utf-8")
    shown = "\n".join(message.translation for message in po.read(text))
    words = {word for _, chinese in builder().TERMS for word in re.split(r"[，（）]| [A-Za-z]+$", chinese) if word}
    absent = {word for word in words if word not in shown and not re.search("模型|[A-Z]", word)}
    others = "置信区间 平行趋势 全要素生产率 空间权重矩阵 异常 调节效应 个体固定效应 时间固定效应"
    assert absent <= set(others.split())

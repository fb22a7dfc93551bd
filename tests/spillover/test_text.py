"""One guesser of encodings: what is read, what is believed, what is said."""

import warnings

import pytest

from spillover.errors import SpatialInputError, SpatialInputWarning
from spillover.text import decode, detect

LATIN = ["München", "Größe; Fläche", "GRÖßE", "Málaga, Cádiz", "São Tomé\nCuraçao", "É", "Île-de-France", "Ærøskøbing",
         "naïve café, Düsseldorf, Besançon, Łódź".replace("Łódź", "Lodz"), "über;Öl;Äpfel"]
CHINESE = ["北京市", "省,上海,北京\n北京,2,0", "亳州市 濮阳市 衢州市", "中国A股", "广东省GDP(亿元)", "地区 2015年",
           "甘肃", "重庆 渝中区"]
UTF8 = ["Málaga", "北京", "Łódź", "Тверь", "Αθήνα", "日本", "€"]


@pytest.mark.parametrize("text", LATIN)
def test_western_text_is_not_taken_for_chinese(text):
    for encoding in ("latin-1", "cp1252"):
        raw = text.encode(encoding)
        with pytest.warns(SpatialInputWarning, match="not UTF-8"):
            assert decode(raw, name="x.csv") == text
        assert raw.decode(detect(raw, "1252").name) == text
        assert detect(raw, "1252").reason is None


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_text_is_found_whatever_is_declared(text):
    raw = text.encode("gbk")
    with pytest.warns(SpatialInputWarning, match="GB18030"):
        assert decode(raw, name="x.csv") == text
    for declared in ("1252", "ISO-8859-1", "UTF-8", "88591", "nonsense"):
        result = detect(raw, declared)
        assert raw.decode(result.name) == text
        assert declared in result.reason
    for declared in ("GBK", "936", "ANSI 936", "gb18030"):
        assert detect(raw, declared).reason is None
        assert raw.decode(detect(raw, declared).name) == text


@pytest.mark.parametrize("text", UTF8)
def test_valid_utf8_wins_over_what_is_declared(text):
    raw = text.encode("utf-8")
    for declared in ("1252", "ISO-8859-1", "437", "nonsense"):
        assert detect(raw, declared).name == "utf-8"
        assert "valid UTF-8" in detect(raw, declared).reason
    assert detect(raw, "UTF-8").reason is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(raw, name="x") == text


def test_marks_and_other_declared_codes():
    for encoding in ("utf-8-sig", "utf-16"):
        assert decode("北京,é".encode(encoding), name="x").lstrip("\ufeff") == "北京,é"
    assert detect("臺北市".encode("big5"), "big5").name == "big5"
    assert detect("Łódź".encode("cp1250"), "1250").name == "cp1250"
    assert detect("“so” – Köln".encode("cp1252")).name == "cp1252"
    assert detect(b"plain", "1252").reason is None
    with pytest.raises(SpatialInputError) as caught:
        decode(b"a\0b\0c\0\xe9", name="x")
    assert caught.value.code == "E606"
    for encoding in ("ascii", "no such code"):
        with pytest.raises(SpatialInputError) as caught:
            decode("é".encode(), name="x", encoding=encoding)
        assert caught.value.code == "E606"


def test_the_warning_points_at_the_users_line():
    with pytest.warns(SpatialInputWarning) as caught:
        decode("München".encode("latin-1"), name="x")
    assert caught[0].filename == __file__

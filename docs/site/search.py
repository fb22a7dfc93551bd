"""The search of the site: English words by their stems, Chinese text by every two characters that stand together, so
that a word of any length is found without a dictionary."""

from __future__ import annotations

import re

from sphinx.search.en import SearchEnglish

CHINESE = re.compile("[\u4e00-\u9fff]+")
WORD = re.compile(r"\w+")
SPLIT_QUERY = """
function splitQuery(query) {
  const words = query.match(/[\\p{Letter}\\p{Number}_]+/gu) || [];
  return words.flatMap((word) => word.split(/([\\u4e00-\\u9fff]+)/).filter((part) => part).flatMap((part) => {
    if (!/^[\\u4e00-\\u9fff]{3,}$/.test(part)) return [part];
    return [...part].slice(1).map((last, i) => part[i] + last);
  }));
}
"""


class SearchMixed(SearchEnglish):
    """English and Chinese in one index."""

    lang = "mixed"
    language_name = "English"  # the stemmer of the browser is named after it
    js_splitter_code = SPLIT_QUERY

    def split(self, input: str) -> list[str]:
        words = []
        for word in WORD.findall(input):
            if not CHINESE.search(word):
                words.append(word)
                continue
            words += [part for part in CHINESE.split(word) if part]
            for run in CHINESE.findall(word):
                words += [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]
        return words

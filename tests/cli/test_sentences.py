"""Every sentence of a report is read and compared with the tables beside it: the demo, the template, and three studies
of changed data (noise as outcome; levels instead of logarithms; a W that cannot be estimated)."""

import re

import numpy as np
import pytest

import shapefiles
from spillover.cli.study import run
from spillover.cli.study.file import question, read_demo, read_study, write_template

WEIGHTS = {"queen": "queen", "5 nearest": "knn:k=5", "economic": "economic:x=gsp"}
DATA = {"map": "example:us_states", "panel": "example:us_states", "unit": "state", "period": "year"}
NUMBER = r"-?[\d,]*\.?\d+(?:e-?\d+)?"
SAME = {
    "Weights say who is whose neighbor, and how much. The model is estimated under the first; it leads.",
    "The direct effect is what a rise of the regressor in one unit does to that unit's own outcome, feedback through "
    "neighbors included. The indirect effect, or spillover, is what a rise in all other units does to a unit's "
    "outcome. The total is their sum. Coefficients of a Durbin model are not effects: the lag of y carries every "
    "change onwards.",
    "Prediction intervals take the regressors of the forecast periods as known.",
    "A conclusion that holds under one W only is a conclusion about that W.", "Coefficients are not effects.",
}


def changed(kind, folder):
    """A study whose data or weights differ from the demo's."""
    logs = {"title": "T", "formula": "log(gsp) ~ log(emp) + unemp", "data": DATA, "weights": WEIGHTS}
    if kind == "noise":
        panel = shapefiles.load_panel("us_states")
        noise = np.exp(np.random.default_rng(1).standard_normal(len(panel)))
        panel.assign(gsp=noise).to_csv(folder / "noise.csv", index=False)
        steps = {"shock": {"unit": "IL", "term": "unemp"}, "by_weights": {}, "robustness": {}, "tests": {},
                 "moran": {"columns": ["gsp"]}, "lisa": {"columns": ["gsp"]}}  # fmt: skip
        return {**logs, "data": {**DATA, "panel": str(folder / "noise.csv")}, "steps": steps}
    if kind == "levels":
        steps = {"shock": {"unit": "TX", "term": "pcap"}, "by_weights": {}, "threshold": {"variable": "unemp"},
                 "what_if": {"variable": "unemp", "change": -1.0}, "tests": {}}  # fmt: skip
        return {**logs, "formula": "gsp ~ pcap + unemp", "steps": steps}
    steps = {"by_weights": {}, "robustness": {}, "shock": {"unit": "IL", "term": "log(emp)"}}
    weights = {"queen": "queen", "everybody": "knn:k=47", "economic": "economic:x=gsp"}
    return {**logs, "weights": weights, "steps": steps}


@pytest.fixture(scope="module", params=["demo", "template", "noise", "levels", "failed"])
def study(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    if request.param == "demo":
        q = read_demo()
    elif request.param == "template":
        q = read_study(write_template(folder / "study.toml"))
    else:
        q = question(changed(request.param, folder), beside=folder)
    return q, run.run(q, lambda words: None)[0], request.param


# -- reading numbers -----------------------------------------------------------------------------------------


def number(text):
    return float(text.replace(",", ""))


def agrees(text, value):
    """Whether a printed number is the value, to its last digit."""
    digits = len(text.partition("e")[0].partition(".")[2])
    if "e" in text or ("." not in text and len(text.lstrip("-").rstrip("0")) < 3):  # two significant digits
        return number(text) == pytest.approx(value, rel=0.06, abs=0.6 if abs(value) >= 100 else 1e-12)
    return abs(number(text) - value) <= 0.51 * 10.0**-digits


def triple(text, row, step=1.0, percent=False):
    """Whether "0.10 % [-1.39, 1.61]" is the row's estimate and interval."""
    result = re.fullmatch(rf"({NUMBER})%? \[({NUMBER}), ({NUMBER})\]", text)
    assert result, text
    assert ("%" in text) == percent
    values = step * row[["estimate", "conf_low", "conf_high"]].to_numpy(dtype=float)
    return all(map(agrees, result.groups(), 100 * np.expm1(values) if percent else values))


def way(rows):
    return np.where(rows["conf_low"] > 0, 1, np.where(rows["conf_high"] < 0, -1, 0))


def log_of(term):
    return term.startswith("log(") and term.endswith(")")


class Reader:
    """The sentences of one study; a method for each kind, named in ``KINDS``."""

    def __init__(self, q, result):
        self.q, self.chapters = q, result
        fit = result["model"].result
        self.outcome, self.terms = fit._design.response, list(result["effects"].result.variables)
        self.term_of = {}
        for term in [*self.terms, *self.q.panel.columns]:
            self.term_of.setdefault(q.name(term), term)
            if log_of(term):
                self.term_of.setdefault(q.name(term[4:-1]), term)

    def name(self, term):
        return self.q.name(term)

    def effects(self, kind, frame=None):
        table = self.chapters["effects"].tables["effects"].frame if frame is None else frame
        return table[table["effect"] == kind].set_index("term")

    def law(self, chapter, match):
        df = self.chapters["model"].result.df_resid
        assert match["df"] == (None if df is None else str(df))

    def spillovers(self, chapter, match):
        rows = self.effects("indirect")
        message = {1: match["some"] or "", 0: match["none"] or ""}
        for clear in (1, 0):
            want = [self.name(t) for t in self.terms if bool(way(rows.loc[[t]])[0]) == bool(clear)]
            assert message[clear] in (", ".join([*want[:-2], " and ".join(want[-2:])]), ", ".join(want))
        assert ((rows["p_value"] <= 0.05) == (way(rows) != 0)).all()

    def effect(self, chapter, match):
        term, percent = self.term_of[match["term"]], log_of(self.outcome)
        logs = match["much"] == "1%"
        assert logs == log_of(term)
        step = np.log(1.01) if logs else 1.0
        assert triple(match["own"], self.effects("direct").loc[term], step, percent)
        assert triple(match["others"], self.effects("indirect").loc[term], step, percent)

    def shock(self, chapter, match):
        response, percent = chapter.result, log_of(self.outcome)
        values = 100 * np.expm1(response) if percent else response
        assert ("%" in match["there"]) == percent
        unit = next(i for i in response.index if self.q.unit(i) == match["unit"])
        assert agrees(match["there"].rstrip("%"), values[unit])
        if match["together"]:
            assert not percent  # percentages over units have no sum
            assert agrees(match["together"], response.drop(unit).sum())
        table = chapter.tables["shock"].frame
        for part, (_, row) in zip(re.split(r", (?=[A-Z])| and (?=[A-Z])", match["most"]), table.iterrows()):
            who, _, much = part.rpartition(": ")
            assert who == self.q.unit(row.iloc[0])
            assert agrees(much.rstrip("%"), 100 * np.expm1(row["response"]) if percent else row["response"])
        change = re.fullmatch(rf"(?:({NUMBER})% (more|less)|One standard deviation \(({NUMBER})\) more|"
                              rf"({NUMBER}) (more|less)) (.+)", match["change"])  # fmt: skip
        term = self.term_of[change[6]]
        size = (np.log1p(number(change[1]) / 100) if change[1] else number(change[3] or change[4]))
        size = -size if "less" in (change[2], change[5]) else size
        direct = self.chapters["effects"].result.shock(unit, term, size)
        assert direct[unit] == pytest.approx(response[unit], rel=0.06)

    def preferred(self, chapter, match):
        table = chapter.tables["by_weights"].frame
        ready = table[table["loglik"].notna()]
        assert int(match["n"]) == len(ready)
        best = ready.loc[ready["probability"].idxmax()]
        assert match["best"] == best["weights"]
        share = match["share"]
        assert best["probability"] > 0.999 if share == "more than 0.999" else agrees(share, best["probability"])

    def not_estimated(self, chapter, match):
        ready = set(chapter.tables["effects"].frame["weights"])
        assert set(match["names"].split(", ")) == set(self.q.weights) - ready
        assert chapter.answer[0] == match.string  # before anything else is said

    def under_weights(self, chapter, match):
        table = chapter.tables["effects"].frame
        ready = list(dict.fromkeys(table["weights"]))
        message = dict.fromkeys(ready)
        text, first = match["rest"], self.term_of[match["term"]]
        rows = table[(table["effect"] == "indirect") & (table["term"] == first)].set_index("weights")
        signs = dict(zip(rows.index, way(rows)))
        if all_of := re.fullmatch(r"is (positive|negative) and significant under (?:all (\d+) weights|the one W) that "
                                  r"(?:were|was) estimated\.", text):  # fmt: skip
            assert int(all_of[2] or 1) == len(ready)
            assert set(signs.values()) == {1 if all_of[1] == "positive" else -1}
            return
        pattern = (r"is (?:significant under none of the (\d+) weights|not significant under the one W) that "
                   r"(?:were|was) estimated(, and its estimates differ in sign)?\.")  # fmt: skip
        if none := re.fullmatch(pattern, text):
            assert int(none[1] or 1) == len(ready)
            assert set(signs.values()) == {0}
            assert bool(none[2]) == ((rows["estimate"] > 0).nunique() > 1)
            return
        for part in re.findall(r"[^.]+\.", f"The spillover of {match['term']} {text}"):
            how = re.search(r"is (positive|negative|not)(?: and)? significant under (.+)\.$", part.strip())
            assert how, part
            for name in re.split(r", | and ", how[2]):
                message[name] = {"positive": 1, "negative": -1, "not": 0}[how[1]]
        assert message == signs

    def robust(self, chapter, match):
        table = chapter.tables["robustness"].frame
        rows = table[(table["effect"] == "indirect") & (table["term"] == self.term_of[match["term"]])]
        signs = dict(zip(rows["variant"], way(rows)))
        base = signs.pop("as above")
        assert base != 0
        assert (int(match["n"]), int(match["of"])) == (sum(s == base for s in signs.values()), len(signs))
        lost = [name for name, s in signs.items() if s != base]
        assert (match["lost"] or "") == ", ".join(lost) or set(re.split(r", | and ", match["lost"])) == set(lost)

    def moran(self, chapter, match):
        table = chapter.tables["moran"].frame
        rows = table[table["variable"].map(lambda v: v == match["what"] or self.name(v) == match["what"])]
        assert (int(match["k"]), int(match["of"])) == ((rows["p_sim"] < 0.05).sum(), len(rows))

    def clusters(self, chapter, match):
        table = chapter.tables["lisa"].frame
        if table.empty:
            assert match["no"]
            return
        rows = table[table["variable"].map(lambda v: v == match["what"] or self.name(v) == match["what"])]
        message = {} if match["no"] else {k: int(n) for n, k in re.findall(r"(\d+) (\w+-\w+)", match["counts"])}
        counts = rows["cluster"].astype(str).str.lower().value_counts()
        assert message == {k: n for k, n in counts.items() if re.fullmatch(r"\w+-\w+", k)}

    # the search under the leading W

    @property
    def search(self):
        return next(iter(self.chapters["tests"].result.searches.values()))

    def lm(self, chapter, match):
        base = self.search.fits["OLS"]
        table = self.search.tidy()
        rows = table[table["table"].str.endswith(f"{base._settings.effects.name} effects")
                     & table["table"].str.startswith("Lagrange")].set_index("term")["p_value"]  # fmt: skip
        lag, error = rows["LM lag"] < 0.05, rows["LM error"] < 0.05
        assert ("a spatial lag" in match[0]) == lag or not (lag or error)
        assert ("a spatial error" in match[0]) == error or not (lag or error)
        assert ("neither" in match[0]) == (not (lag or error))
        if lag or error:
            stronger = "lag" if rows["robust LM lag"] < rows["robust LM error"] else "error"
            assert match[0].endswith(f"point more to the {stronger}.")

    def p_of(self, small, large):
        table = self.search.tidy().drop_duplicates("term", keep="last").set_index("term")["p_value"]
        if small != "OLS":
            return table[f"LR {large} vs {small}"]
        base = self.search.fits["OLS"]._settings.effects.name
        lm = self.search.tidy()
        title = {"SLX": "Lagrange multiplier tests for Durbin models"}.get(large, f"{base} effects")
        rows = lm[lm["table"].str.endswith(title) & lm["table"].str.startswith("Lagrange")].set_index("term")["p_value"]
        return rows[{"SAR": "LM lag", "SEM": "LM error", "SLX": "LM WX"}[large]]

    def against(self, chapter, match):
        listed = re.findall(r"(S\w+) p (= ([\d.]+)|< 1e-4)", match["list"])
        values = [self.p_of(match["small"], large) for large, _, _ in listed]
        for (_, text, p), value in zip(listed, values):
            assert agrees(p, value) if p else value < 1e-4, text
        smallest = min(values) * (len(values) if match["times"] else 1)
        assert match["verdict"] == ("rejected" if min(smallest, 1.0) < float(match["level"]) / 100 else "not rejected")

    def nested(self, chapter, match):
        one = {"SDM": ("SAR", "SEM", "SLX"), "SDEM": ("SEM", "SLX"), "SAC": ("SAR", "SEM")}
        for large in re.split(r", | and ", match["names"]):
            assert all(self.p_of(small, large) < 0.1 for small in one[large])

    def least(self, chapter, match):
        fits, n = self.search.fits, self.search.fits["OLS"]._sample.n

        def aicc(fit):
            k = fit.n_parameters
            return 2 * k - 2 * fit.loglik + 2 * k * (k + 1) / (n - k - 1)

        assert min(re.split(r", | and ", match["names"]), key=lambda name: aicc(fits[name])) == match["one"]

    def by_regression(self, chapter, match):
        row = self.search.tidy().set_index("term").loc["Hausman"]
        assert float(match["p"]) == pytest.approx(row["p_value"], rel=0.01)
        assert ("fixed effects." in match[0]) == (row["p_value"] < 0.05)

    def together(self, chapter, match):
        table = self.search.tidy().set_index("term")["p_value"]
        for kind, verdict in re.findall(r"(period|unit) effects (belong|do not belong) in the model", match[0]):
            assert (verdict == "belong") == (table[f"LR {kind} effects"] < 0.05)

    def choice(self, chapter, match):
        assert match["model"] == self.search.choice

    def probable(self, chapter, match):
        best = max(self.search.probabilities, key=self.search.probabilities.get)
        assert (match["model"], match["p"]) == (best, f"{self.search.probabilities[best]:.2f}")

    # chapters of the template

    def column(self, chapter, match):
        assert match["name"] in map(self.q.name, self.q.panel.columns)

    def gini(self, chapter, match):
        table = chapter.tables["gini"].frame.set_index("year")["gini"]
        first, last = table.iloc[0], table.iloc[-1]
        assert agrees(match["a"], first)
        assert agrees(match["b"], last)
        assert (match["way"] == "fell") == (last < first)
        assert (int(match["from"]), int(match["to"])) == (table.index[0], table.index[-1])
        p = chapter.tables["transition_tests"].frame.set_index("test")["p_value"]["LR"]
        assert agrees(match["p"], p)
        assert (match["verb"] == "depends") == (p < 0.05)

    def weak(self, chapter, match):
        table = chapter.tables["instruments"].frame.set_index("test")["statistic"]
        F = next(value for name, value in table.items() if "Kleibergen" in name)
        assert agrees(match["F"], F)
        assert (match["how"] == "weak") == (F < 10)

    def valid(self, chapter, match):
        table = chapter.tables["instruments"].frame.set_index("test")["p_value"]
        p = next(value for name, value in table.items() if "Hansen" in name)
        assert agrees(match["p"], p)
        assert ("not rejected" not in match[0]) == (p < 0.05)

    def anderson_rubin(self, chapter, match):
        """Its test is of rho = 0: zero is in the set where that is not rejected."""
        p = chapter.tables["instruments"].frame.set_index("test")["p_value"]["Anderson-Rubin"]
        ends = re.findall(rf"({NUMBER}|-inf) to ({NUMBER}|inf)", match["set"])
        assert any(float(low) <= 0 <= float(high) for low, high in ends) == (p >= 0.05)
        assert bool(ends) == (match["set"] != "empty")

    def differences(self, chapter, match):
        p = chapter.tables["differences"].frame["p_value"]
        assert (int(match["k"]), int(match["of"])) == ((p < 0.05).sum(), p.notna().sum())

    def moderation(self, chapter, match):
        table = chapter.tables["moderation"].frame
        rows = table[table["effect"] == match["kind"]]
        for text in (match["a"], match["b"]):
            assert any(triple(text, row) for _, row in rows.iterrows())

    def slope(self, chapter, match):
        table = chapter.tables["slopes"].frame
        for effect, text in (("direct", match["own"]), ("indirect", match["others"])):
            assert any(triple(text, row) for _, row in table[table["effect"] == effect].iterrows())

    def expected(self, chapter, match):
        table, between = (chapter.tables[name].frame for name in ("predictions", "prediction_differences"))
        assert triple(match["low"], table.iloc[0])
        last = between[between["term"] == f"{table['term'].iloc[-1]} less {table['term'].iloc[0]}"].iloc[0]
        assert triple(match["difference"], last, percent=log_of(self.outcome))
        assert agrees(match["p"], last["p_value"])

    def forecast(self, chapter, match):
        table = chapter.tables["forecasts"].frame
        error = table["observed"] - table["estimate"]
        assert agrees(match["own"], float(np.sqrt((error**2).mean())))
        inside = table["observed"].between(table["conf_low"], table["conf_high"])
        assert (int(match["k"]), int(match["of"])) == (inside.sum(), len(table))
        assert int(match["since"]) == table["year"].min()
        past = self.q.panel[self.q.panel["year"] == int(match["since"]) - 1].set_index("state")["productivity"]
        naive = table["observed"] - np.log(past.reindex(table["state"]).to_numpy())
        assert agrees(match["naive"], float(np.sqrt((naive**2).mean())))

    def too_few(self, chapter, match):
        table = chapter.tables["forecasts"].frame
        share = table["observed"].between(table["conf_low"], table["conf_high"]).mean()
        assert share < 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(table))

    def mechanism(self, chapter, match):
        for table in chapter.tables.values():
            rows = table.frame[table.frame["path"] == "mediated"]
            assert (way(rows) == 0).all()

    def threshold(self, chapter, match):
        row = chapter.tables["thresholds"].frame.iloc[0]
        assert agrees(match["p"], row["p_value"])
        assert ("cannot be told" in match[0]) == (row["p_value"] >= 0.05)
        values = [row["threshold"], row["conf_low"], row["conf_high"]]
        for text, value in zip(match.group("g", "lo", "hi"), values):
            assert number(text) == pytest.approx(value, rel=0.06)

    def what_if(self, chapter, match):
        table = chapter.tables["what_if"].frame
        assert (int(match["k"]), int(match["of"])) == ((table["change"] != 0).sum(), len(table))
        groups = chapter.tables.get("what_if_by_group")
        rows = {} if groups is None else groups.frame.set_index("group")
        for text, group in re.findall(rf"({NUMBER}%? \[{NUMBER}, {NUMBER}\]) in (\w+)", match["rest"]):
            assert triple(text, rows.loc[group], percent=log_of(self.outcome))

    def long_run(self, chapter, match):
        assert not chapter.tables["dynamic_effects"].frame["effect"].str.contains("long").any()

    def failed(self, chapter, match):
        assert match["name"] not in set(chapter.tables["robustness"].frame["variant"])


KINDS = [
    ("spillovers", r"(?:Spills over to neighbors: (?P<some>.+?)\. ?)?(?:No spillover that can be told from zero: "
                   r"(?P<none>.+)\.)?"),
    ("effect", r"(?P<much>1%|One unit) more (?:of )?(?P<term>.+) in a unit changes its own .+ by "
               r"(?P<own>\S+ \[[^]]+\]); in all other units, it changes that unit's by (?P<others>\S+ \[[^]]+\])\."),
    ("shock", r"(?P<change>.+) in (?P<unit>.+) changes .+ there by (?P<there>\S+?)(?:, in all others together by "
              r"(?P<together>\S+))?; most elsewhere in (?P<most>.+)\."),
    ("preferred", r"Of the (?P<n>\d+) weights that were estimated the data prefer (?P<best>.+) \(posterior probability "
                  r"(?P<share>.+)\)\."),
    ("not_estimated", r"Not estimated: (?P<names>.+)\. What follows says nothing about (?:it|them)\."),
    ("robust", r"The spillover of (?P<term>.+) keeps its sign and significance in (?P<n>\d+) of (?P<of>\d+) variants"
               r"(?:; not (?P<lost>.+))?\."),
    ("under_weights", r"The spillover of (?P<term>.+?) (?P<rest>is (?:positive|negative|significant|not).+)"),
    ("moran", r"(?P<what>.+) is spatially autocorrelated \(permutation p below 0.05\) in (?P<k>\d+) of (?P<of>\d+) "
              r"periods\."),
    ("clusters", r"(?P<what>.+) in (?P<year>\d+): (?:(?P<no>no unit is in a cluster) \(at|(?P<counts>.+) "
                 r"\(significant at) 0.05, correction for many tests: none\)\."),
    ("lm", r"LM tests: neither.+|LM tests ask for .+"),
    ("against", r"(?P<small>\w+) against (?P<list>.+?)(?P<times> \(\d times .+\))?: (?P<verdict>rejected|not rejected) "
                r"at (?P<level>[\d.]+) %\."),
    ("nested", r"(?P<names>.+) rejects? every one-step model within (?:it|them)\."),
    ("least", r"Of (?P<names>.+), (?P<one>\w+) has the least AICc\."),
    ("by_regression", r"Hausman \(p = (?P<p>[\d.e-]+)\): .+"),
    ("together", r"LR tests: .+"),
    ("choice", r"Choice: (?P<model>\w+)\.|The tests leave (?P<left>\w+)\."),
    ("probable", r"By probability alone it would be (?P<model>\w+) \((?P<p>[\d.]+)\)\."),
    ("gini", r"The Gini coefficient of .+ (?P<way>fell|rose) from (?P<a>[\d.]+) in (?P<from>\d+) to (?P<b>[\d.]+) in "
             r"(?P<to>\d+); a unit's move between classes (?P<verb>depends|.+?) .*\(p = (?P<p>[\d.]+)\)\."),
    ("weak", r"Instruments are (?P<how>\w+).*: Kleibergen-Paap F is (?P<F>[\d.,]+) .*"),
    ("valid", r"That they are valid is .*\(Hansen J, p = (?P<p>[\d.]+)\)\."),
    ("anderson_rubin", r"Anderson-Rubin 95 % set of rho, errors of one variance: (?P<set>.+)"),
    ("differences", r"(?P<k>\d+) of (?P<of>\d+) differences between groups can be told from zero at 5%\."),
    ("moderation", r"The (?P<kind>direct|indirect|total) effect of .+ is (?P<a>\S+ \[[^]]+\]) where .+, and "
                   r"(?P<b>\S+ \[[^]]+\]) where .+\(equal at all values: p [=<] [\d.]+\)\."),
    ("slope", r"(?:Where .+, in|In) a unit one unit more of .+ changes .+ there by (?P<own>\S+ \[[^]]+\]), and in all "
              r"others together by (?P<others>\S+ \[[^]]+\])\."),
    ("expected", r"Where .+, mean .+ is expected to be (?P<low>\S+ \[[^]]+\]); where .+, .+ is expected to differ from "
                 r"that by (?P<difference>\S+ \[[^]]+\]) \(p [=<] (?P<p>[\d.]+)\)\."),
    ("forecast", r"From the periods before (?P<since>\d+) the model forecasts .+ with a root mean squared error of "
                 r"(?P<own>[\d.]+), the last value carried on has (?P<naive>[\d.]+); (?P<k>\d+) of (?P<of>\d+) "
                 r"outcomes lie in their 95 ?% intervals\."),
    ("too_few", r"That is less than the level: .+"),
    ("mechanism", r"No part of the effect of .+ that can be told from zero passes through .+\."),
    ("threshold", r"That the effect of .+ changes with .+ can(?:not)? be told from chance \(bootstrap p = "
                  r"(?P<p>[\d.]+)\); the likeliest threshold is (?P<g>\S+) \[(?P<lo>\S+), (?P<hi>\S+)\]\."),
    ("what_if", r"Were .+ changed as the study asks in (?P<k>\d+) of (?P<of>\d+) units, mean (?P<rest>.+)\."),
    ("long_run", r"No long run: .+"),
    ("failed", r"(?P<name>.+) could not be estimated: .+"),
    ("law", r"95 % intervals: exact for estimates that follow (?:t\((?P<df>\d+)\)|the normal distribution)\..*"),
    ("column", r"(?P<name>.+?) is .+\."),
]  # fmt: skip


def headers(chapter):
    """Lines that a result itself prints above its tables: what was estimated, on what, and how."""
    results = chapter.result if isinstance(chapter.result, tuple | list) else [chapter.result]
    results = [part for one in results for part in (one.values() if isinstance(one, dict) else [one])]
    return {line for one in results for line in str(one).splitlines()}


def test_every_sentence_is_what_its_tables_say(study):
    q, result, name = study
    reader, unread, read = Reader(q, result), [], set()
    for step, chapter in result.items():
        printed = headers(chapter)
        for sentence in dict.fromkeys((*chapter.answer, *chapter.text, *filter(None, [chapter.note]))):
            if sentence in SAME or sentence.startswith("Under ") or sentence in printed:
                continue
            sentence = sentence.replace("\u00a0%", "%")
            matches = ((k, m) for k, pattern in KINDS if (m := re.fullmatch(pattern, sentence)))
            kind, match = next(matches, (None, None))
            if kind is None or (kind == "column") != (step == "columns"):
                unread.append((step, sentence))
                continue
            getattr(reader, kind)(chapter, match)
            read.add(kind)
    assert not unread
    assert {"effect", "spillovers", "shock", "preferred", "under_weights"} <= read
    if name == "failed":
        assert "not_estimated" in read
    if name in ("demo", "template", "noise", "levels"):
        assert ("against" in read) == ("tests" in result)


def test_a_changed_table_is_noticed(study):
    """The readers can fail: with the signs of the effects turned, sentences no longer agree."""
    q, result, _ = study
    reader = Reader(q, result)
    table = result["effects"].tables["effects"].frame
    turned = table.assign(estimate=-table["estimate"], conf_low=-table["conf_high"], conf_high=-table["conf_low"])
    reader.effects = lambda kind, frame=None: turned[turned["effect"] == kind].set_index("term")
    pattern = dict(KINDS)["effect"]
    texts = (text.replace("\u00a0%", "%") for text in result["effects"].answer)
    sentences = [m for text in texts if (m := re.fullmatch(pattern, text))]
    assert sentences
    for match in sentences:
        with pytest.raises(AssertionError):
            reader.effect(result["effects"], match)

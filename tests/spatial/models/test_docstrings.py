"""Every model explains all of its keywords, with the same words."""

import inspect

import pytest

import spatial as sp
from spatial.design.options import ModelOptions
from spatial.models import _docstrings
from spatial.models.family import MODELS


@pytest.mark.parametrize("name", _docstrings.NAMES)
def test_the_source_is_in_step_with_the_template(name):
    """``python -m spatial.models._docstrings`` writes it."""
    assert _docstrings.source_of(name).read_text(encoding="utf-8") == _docstrings.rewritten(name)


@pytest.mark.parametrize("name", _docstrings.NAMES)
def test_help_explains_every_argument(name):
    model = getattr(sp, name)
    section = inspect.getdoc(model).split("Parameters\n")[1].split("\n\n")[0]
    described = {part.strip() for line in section.splitlines() if line[:1].strip() and " : " in line
                 for part in line.split(" : ")[0].split(",")}  # fmt: skip
    assert described == set(inspect.signature(model).parameters)


def test_models_share_names_and_defaults_with_the_options():
    fields = ModelOptions.__dataclass_fields__
    for model in MODELS:
        for parameter in list(inspect.signature(model).parameters.values())[3:]:
            assert parameter.kind is parameter.KEYWORD_ONLY
            regressions = parameter.name == "method" and model in (sp.ols, sp.slx)
            assert parameter.default == (None if regressions else fields[parameter.name].default), parameter
    assert {m.__name__ for m in MODELS} == set(_docstrings.NAMES)

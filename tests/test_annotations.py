"""Every public function says what it takes and what it returns: editors and type checkers see nothing else."""

import inspect
from functools import cached_property
from types import FunctionType

import pytest

import shapefiles
import spatial
import spillover
import weights

PACKAGES = (spillover, weights, spatial, shapefiles, spatial.indicators, spatial.plot)


def plain(member):
    """The function behind a method, a property or a cached property; None of anything else."""
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = member.func
    elif isinstance(member, staticmethod | classmethod):
        member = member.__func__
    member = inspect.unwrap(member) if callable(member) else member
    return member if isinstance(member, FunctionType) else None


def functions(thing):
    """A function itself; of a class its public methods and properties, those of our base classes too."""
    if not inspect.isclass(thing):
        yield from filter(None, [plain(thing)])
        return
    for base in thing.__mro__:
        if base.__module__.partition(".")[0] in ("spillover", "weights", "spatial", "shapefiles"):
            for name, member in vars(base).items():
                function = plain(member)
                ours = function is not None and function.__code__.co_filename != "<string>"  # as dataclasses write
                if ours and (not name.startswith("_") or name == "__init__"):
                    yield function


def missing(function) -> list[str]:
    signature = inspect.signature(function)
    names = [name for name, p in signature.parameters.items() if p.annotation is p.empty]
    names += ["return"] * (signature.return_annotation is signature.empty)
    return [name for name in names if name not in ("self", "cls")]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_public_functions_are_annotated(package):
    members = [getattr(package, name) for name in package.__all__]
    every = {f"{f.__module__}.{f.__qualname__}": missing(f) for member in members for f in functions(member)}
    assert every
    assert {name: names for name, names in every.items() if names} == {}


def test_what_is_missing_is_seen():
    class Base:
        def __init__(self, a):
            pass

        @property
        def size(self):
            return 1

        @cached_property
        def last(self):
            return 1

        @classmethod
        def of(cls, x: int) -> "Base":
            return cls(x)

        def take(self, k: int, *more, **options: int):
            pass

        def _own(self, a):
            pass

    Base.__module__ = "spatial.somewhere"
    by_name = {f.__name__: missing(f) for f in functions(Base)}
    assert by_name == {"__init__": ["a", "return"], "size": ["return"], "last": ["return"], "of": [],
                             "take": ["more", "return"]}  # fmt: skip
    assert missing(lambda a: a) == ["a", "return"]

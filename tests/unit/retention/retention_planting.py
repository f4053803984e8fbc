"""Plants a bug: a module's source with one text changed takes the place of its functions, wherever those were imported to."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

import pytest


def plant(monkeypatch: pytest.MonkeyPatch, module: ModuleType, text: str, instead: str) -> None:
    """Functions and methods stay themselves and get the changed code; plain values are set anew. AssertionError when nothing changes."""
    source = inspect.getsource(module)
    assert source.count(text) == 1, f"{text!r} occurs {source.count(text)} times in {module.__name__}"
    honest, changed = _run(module, source), _run(module, source.replace(text, instead))
    planted = 0
    for name, value in list(vars(module).items()):
        if name.startswith("__") or getattr(value, "__module__", module.__name__) != module.__name__:
            continue
        if isinstance(value, str | int) and honest[name] != changed[name]:
            monkeypatch.setattr(module, name, changed[name])
            planted += 1
        for old, new in _functions(value, changed[name]):
            if old.__code__ != new.__code__:
                monkeypatch.setattr(old, "__code__", new.__code__)
                planted += 1
    assert planted, f"{instead!r} changes nothing in {module.__name__}"


def _run(module: ModuleType, source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(source, str(module.__file__), "exec"), names)
    return names


def _functions(old: object, new: object) -> Iterator[tuple[FunctionType, FunctionType]]:
    if isinstance(old, property) and isinstance(new, property):
        old, new = old.fget, new.fget
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        yield old, new
    elif isinstance(old, type) and isinstance(new, type):
        for name, member in vars(old).items():
            if not name.startswith("__") or name in ("__post_init__", "__call__"):
                yield from _functions(member, vars(new).get(name))

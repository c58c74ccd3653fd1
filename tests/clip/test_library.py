"""open_clip's import sees no transformers; what was imported before stays."""

import runpy
import sys
from types import ModuleType

import pytest

from lexiclip.clip import library


@pytest.mark.parametrize("before", [{}, {"transformers": ModuleType("transformers")}])
def test_transformers_is_hidden_while_open_clip_is_imported(monkeypatch, before):
    seen = []

    class Imported(ModuleType):
        def __getattr__(self, name):
            seen.append(sys.modules["transformers"])

    monkeypatch.delitem(sys.modules, "transformers", raising=False)
    for name, module in before.items():
        monkeypatch.setitem(sys.modules, name, module)
    for name in [name for name in sys.modules if name.partition(".")[0] == "open_clip"]:
        monkeypatch.setitem(sys.modules, name, Imported(name))
    runpy.run_path(library.__file__)
    assert seen and all(module is before.get("transformers") for module in seen)
    assert sys.modules.get("transformers") is before.get("transformers")
    assert ("transformers" in sys.modules) == bool(before)

"""The plugin API is what is written down: nobody changes what others rely on without noticing."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

import reldistill
from frozen_api import WHOLE, describe, file_of
from reldistill import PLUGIN_API, hookspecs

ROOT = Path(__file__).parents[2]

ADVICE = """
The plugin API is no longer what tests/core/{file} says:

{difference}
What to do:
- Only lines with + that ask nothing of existing plugins (a new name, an optional member, a parameter with a default): run
  `python tests/frozen_api.py`, and say what is new in CHANGELOG.md.
- Any line with -, or a member that existing plugins lack and that has no default for them: it breaks plugins. Leave it as it
  was, with a DeprecationWarning, for one minor version at least; or raise PLUGIN_API in core/reldistill/hookspecs.py, run
  the same command, and say in CHANGELOG.md and docs/plugin-api.md what plugins must change.
"""


def test_the_plugin_api_is_what_is_written_down() -> None:
    file = file_of(PLUGIN_API)
    assert file.is_file(), f"PLUGIN_API is {PLUGIN_API}: write it down by `python tests/frozen_api.py`"
    written, found = file.read_text(encoding="utf-8").splitlines(), describe().splitlines()
    if written != found:
        lines = [
            line for line in difflib.unified_diff(written, found, lineterm="", n=1) if line[:3] not in ("---", "+++")
        ]
        pytest.fail(ADVICE.format(file=file.name, difference="\n".join(lines) + "\n"), pytrace=False)


def test_the_descriptions_of_older_apis_are_kept() -> None:
    assert sorted(file_of(0).parent.glob("plugin_api_*.txt")) == [file_of(api) for api in range(1, PLUGIN_API + 1)]


def test_every_hook_is_part_of_it() -> None:
    hooks = {name for name in hookspecs.__all__ if name.startswith("reldistill_")}
    assert hooks <= set(WHOLE["reldistill.hookspecs"])


def test_what_it_names_of_the_library_is_public() -> None:
    assert set(WHOLE["reldistill"]) <= set(reldistill.__all__)
    assert reldistill.PLUGIN_API == PLUGIN_API
    assert hookspecs.OLDEST_PLUGIN_API <= PLUGIN_API


@pytest.mark.parametrize(
    ("line", "noticed"),
    [
        ("needs -> frozenset[str]", "reldistill.Relation: protocol"),
        ("logits(self, states: AttentionStates, relation_heads: int) -> Tensor", "reldistill.Relation: protocol"),
        ("name: str", "reldistill.PairRelation: frozen dataclass"),
        ("weight: float = 1.0", "reldistill.LayerPair: frozen dataclass"),
        ("cut(self, model: PreTrainedModel, layers: Sequence[int]) -> None", "reldistill.TeacherAdapter: protocol"),
        ("require(self, name: str) -> Tensor", "reldistill.AttentionStates: frozen dataclass"),
        ("best_epoch -> bool", "reldistill.EvalTask: protocol"),
        ("labels: tuple[str, ...]", "reldistill_plugins.tasks.sentences.SentenceTask: frozen dataclass"),
    ],
)
def test_the_description_says_fields_methods_types_and_defaults(line: str, noticed: str) -> None:
    block = describe().partition(noticed)[2].partition("\n\n")[0]
    assert f"    {line}\n" in f"{block}\n"


def test_the_page_states_the_number_and_every_name() -> None:
    page = (ROOT / "docs" / "plugin-api.md").read_text(encoding="utf-8")
    assert re.search(rf"`PLUGIN_API`\D*is {PLUGIN_API}\b", page)
    for module, names in WHOLE.items():
        assert f"`{module}`" in page
        for name in names:
            assert f"`{name}`" in page, f"{module}.{name} is promised and not on the page"

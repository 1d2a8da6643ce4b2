from __future__ import annotations

from pathlib import Path

import my_plugin
import numpy as np
import pytest
from datasets import Dataset

from reldistill import Encoded
from reldistill.testing import Check, plugin_checks

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "check", plugin_checks(my_plugin, data_dir=HERE / "data", golden=HERE / "golden.json"), ids=str
)
def test_conforms(check: Check) -> None:
    check()


def test_scores_are_accuracy_and_f1_of_questions() -> None:
    (task,) = my_plugin.reldistill_tasks()
    rows = Dataset.from_dict({"text": ["a", "b", "c"], "label": ["question", "question", "statement"]})
    outputs = [np.array(logits, np.float32) for logits in ([0, 1], [1, 0], [1, 0])]
    scores = task.score(outputs, rows, Encoded(input_ids=[]), "en")
    assert scores == {"accuracy": pytest.approx(200 / 3), "f1": pytest.approx(200 / 3)}

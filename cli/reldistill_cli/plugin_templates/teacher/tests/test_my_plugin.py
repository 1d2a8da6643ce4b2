from __future__ import annotations

import my_plugin
import pytest
from transformers import ElectraConfig, ElectraModel

from reldistill import StudentShape
from reldistill.testing import Check, plugin_checks


@pytest.mark.parametrize("check", plugin_checks(my_plugin), ids=str)
def test_conforms(check: Check) -> None:
    check()


def test_a_student_has_embeddings_as_wide_as_its_layers() -> None:
    teacher = ElectraConfig(vocab_size=100, embedding_size=16, hidden_size=24, num_hidden_layers=3)
    shape = StudentShape(layers=2, hidden_size=12, attention_heads=3)
    config = my_plugin.Electra().student_config(teacher, shape)
    assert (config.num_hidden_layers, config.hidden_size, config.embedding_size) == (2, 12, 12)
    assert (config.num_attention_heads, config.intermediate_size, config.vocab_size) == (3, 48, 100)
    assert not hasattr(ElectraModel(config), "embeddings_project")

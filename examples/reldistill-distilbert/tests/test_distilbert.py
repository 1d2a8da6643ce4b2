import pytest
from transformers import DistilBertConfig

import reldistill_distilbert as plugin
from reldistill import StudentShape
from reldistill.testing import Check, plugin_checks


@pytest.mark.parametrize("check", plugin_checks(plugin), ids=str)
def test_conforms(check: Check) -> None:
    check()


def test_a_student_has_the_sizes_under_their_names() -> None:
    student = plugin.DistilBert().student_config(DistilBertConfig(), StudentShape(3, 192, 12))
    assert (student.n_layers, student.dim, student.n_heads, student.hidden_dim) == (3, 192, 12, 768)
    assert student.vocab_size == 30_522

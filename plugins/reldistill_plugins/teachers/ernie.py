"""ERNIE (Sun et al. 2019 and after): BERT's modules, and embeddings of tasks, of which a text without one has the first."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

ERNIE = BertArchitecture(name="ernie", model_types=frozenset({"ernie"}), aliases={}, positions_after_padding=False)

"""BERT (Devlin et al. 2018). The paper's three BERT teachers are uncased (section 4.1)."""

from __future__ import annotations

from reldistill_plugins.teachers.bert_architecture import BertArchitecture

BERT = BertArchitecture(
    name="bert",
    model_types=frozenset({"bert"}),
    aliases={
        "bert-base": "google-bert/bert-base-uncased",
        "bert-base-uncased": "google-bert/bert-base-uncased",
        "bert-base-cased": "google-bert/bert-base-cased",
        "bert-base-multilingual-cased": "google-bert/bert-base-multilingual-cased",
        "mbert": "google-bert/bert-base-multilingual-cased",
        "bert-large": "google-bert/bert-large-uncased",
        "bert-large-uncased": "google-bert/bert-large-uncased",
        "bert-large-cased": "google-bert/bert-large-cased",
        "bert-large-wwm": "google-bert/bert-large-uncased-whole-word-masking",
        "bert-large-whole-word-masking": "google-bert/bert-large-uncased-whole-word-masking",
        "bert-large-uncased-wwm": "google-bert/bert-large-uncased-whole-word-masking",
        "bert-large-uncased-whole-word-masking": "google-bert/bert-large-uncased-whole-word-masking",
        "bert-large-cased-whole-word-masking": "google-bert/bert-large-cased-whole-word-masking",
    },
    positions_after_padding=False,
)

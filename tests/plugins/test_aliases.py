"""What a person types for the paper's teachers and others leads to their ids on the Hub."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from reldistill import Registry, UsageError
from reldistill.distillation.locate import locate_teacher

BERT, ROBERTA, XLM_R = "google-bert/bert-", "FacebookAI/roberta-", "FacebookAI/xlm-roberta-"
SPELLINGS = {
    f"{BERT}base-uncased": ("bert-base", "BERT-base", "bert_base", "Bert Base", "bert-base-uncased", "BERT_BASE_UNCASED"),
    f"{BERT}large-uncased": ("bert-large", "BERT-Large", "bert_large", "bert-large-uncased"),
    f"{BERT}large-uncased-whole-word-masking": (
        "bert-large-wwm", "BERT-Large-WWM", "bert_large_wwm", "bert-large-uncased-wwm", "bert-large-uncased-whole-word-masking",
    ),
    f"{BERT}base-cased": ("bert-base-cased",),
    f"{BERT}large-cased": ("bert-large-cased",),
    f"{BERT}base-multilingual-cased": ("mbert", "mBERT", "bert-base-multilingual-cased"),
    f"{ROBERTA}base": ("roberta-base", "RoBERTa-base", "roberta_base", "ROBERTA-BASE"),
    f"{ROBERTA}large": ("roberta-large", "RoBERTa-Large", "roberta_large"),
    f"{XLM_R}base": ("xlm-r-base", "XLM-R-base", "xlmr-base", "xlm_r_base", "XLM-R_Base", "xlm-roberta-base", "XLM-RoBERTa-base"),
    f"{XLM_R}large": ("xlm-r-large", "XLM-R Large", "XLMR-large", "xlm_r_large", "xlm-roberta-large", "xlm_roberta_large"),
    "facebook/xlm-roberta-xl": ("xlm-r-xl", "XLM-R XL", "xlmr-xl", "xlm-roberta-xl"),
    "facebook/xlm-roberta-xxl": ("xlm-r-xxl", "XLM-R_XXL", "xlmr-xxl", "xlm-roberta-xxl"),
    "almanach/camembert-base": ("camembert", "CamemBERT", "camembert-base"),
    "almanach/camembert-large": ("camembert-large", "CamemBERT Large"),
    "facebook/data2vec-text-base": ("data2vec-text-base",),
    "answerdotai/ModernBERT-base": ("modernbert", "ModernBERT", "ModernBERT-base", "modernbert_base"),
    "answerdotai/ModernBERT-large": ("modernbert-large", "ModernBERT Large"),
}  # fmt: skip


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with HF_HUB_OFFLINE=1 and an empty cache, which the Hub's client reads when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("typed", "hub_id"), [(word, hub_id) for hub_id, words in SPELLINGS.items() for word in words])
def test_an_alias_leads_to_the_model_on_the_hub(typed: str, hub_id: str) -> None:
    with pytest.raises(UsageError, match=f"^cannot fetch the model '{hub_id}': .* .HF_HUB_OFFLINE is set.,"):
        locate_teacher(typed, Registry.installed())


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("typed", ["bert-baze", "robertalarge", "xlm-r-lagre"])
def test_a_misspelt_alias_is_answered_with_the_nearest_and_all_there_are(typed: str) -> None:
    nearest = {"bert-baze": "bert-base", "robertalarge": "roberta-large", "xlm-r-lagre": "xlm-r-large"}[typed]
    with pytest.raises(UsageError) as caught:
        locate_teacher(typed, Registry.installed())
    assert caught.value.message == f"unknown teacher {typed!r}: neither a local folder nor an alias"
    assert caught.value.hint is not None
    assert caught.value.hint.startswith(f"Did you mean {nearest}? Aliases: ")


def test_aliases_are_written_as_what_is_typed_is_looked_up() -> None:
    words = [word for adapter in Registry.installed().teachers for word in adapter.thing.aliases]
    assert [word for word in words if word != word.lower().replace("_", "-").replace(" ", "-")] == []


def test_no_alias_stands_in_two_families() -> None:
    words = [word for adapter in Registry.installed().teachers for word in adapter.thing.aliases]
    assert len(words) == len(set(words))


def test_no_model_type_is_served_by_two_families() -> None:
    types = [kind for adapter in Registry.installed().teachers for kind in adapter.thing.model_types]
    assert len(types) == len(set(types))

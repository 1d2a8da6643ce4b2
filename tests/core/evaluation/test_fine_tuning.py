from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, get_linear_schedule_with_warmup

from conftest import MakeTeacher
from reldistill import Encoded
from reldistill.evaluation.features import shuffled_by_length
from reldistill.evaluation.fine_tuning import FineTuning, Recipe
from reldistill.stop import Stop

RECIPE = Recipe(learning_rate=2e-3, epochs=3, seed=4, batch_size=8)
LONGEST = 24


def features(count: int = 36) -> Encoded:
    draw = np.random.default_rng(0)
    ids = [draw.integers(5, 60, draw.integers(4, LONGEST)).astype(np.int32) for _ in range(count)]
    return Encoded(ids, None, {"labels": draw.integers(0, 2, count)})


def classifier(folder: Any) -> Any:
    config = AutoConfig.from_pretrained(folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    torch.manual_seed(1)
    return AutoModelForSequenceClassification.from_pretrained(folder, config=config)


def plainly(model: Any, encoded: Encoded) -> list[float]:
    """The same recipe as transformers' examples have it: all rows padded to one length, parameters told apart by name."""
    steps = RECIPE.epochs * math.ceil(len(encoded) / RECIPE.batch_size)
    named = list(model.named_parameters())
    kept = ("bias", "LayerNorm.weight")
    groups = [
        {"params": [p for name, p in named if not name.endswith(kept)], "weight_decay": 0.01},
        {"params": [p for name, p in named if name.endswith(kept)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=RECIPE.learning_rate, betas=(0.9, 0.999), eps=1e-6, foreach=False)
    warmup = round(0.1 * steps)
    schedule: Any = get_linear_schedule_with_warmup(optimizer, warmup, steps)
    lengths = np.array([len(ids) for ids in encoded.input_ids])
    losses = []
    step = 0
    for epoch in range(1, RECIPE.epochs + 1):
        model.train()
        total = 0.0
        for which in shuffled_by_length(lengths, RECIPE.batch_size, RECIPE.seed * 1_000 + epoch):
            ids, mask = torch.zeros(len(which), LONGEST, dtype=torch.long), torch.zeros(len(which), LONGEST)
            for row, i in enumerate(which):
                ids[row, : lengths[i]] = torch.from_numpy(encoded.input_ids[i])
                mask[row, : lengths[i]] = 1
            labels = torch.from_numpy(encoded.targets["labels"][which])
            logits = model(input_ids=ids, attention_mask=mask).logits
            loss = nn.functional.cross_entropy(logits, labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            if step < warmup:  # theirs begins at 0
                for group in optimizer.param_groups:
                    group["lr"] = RECIPE.learning_rate * (step + 1) / warmup
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += float(loss.detach()) * len(which)
            step += 1
        losses.append(total / len(encoded))
    return losses


@pytest.mark.parametrize("family", ["bert", "xlm-r"])
def test_without_dropout_it_is_what_a_plain_loop_does_on_the_same_batches(family: str, teacher: MakeTeacher) -> None:
    encoded, folder = features(), teacher(family)
    ours, theirs = classifier(folder), classifier(folder)
    training = FineTuning(
        ours, encoded, RECIPE, pad_token_id=1, device=torch.device("cpu"), precision=torch.float32
    )  # fmt: skip
    training.run(Stop())
    assert training.losses == pytest.approx(plainly(theirs, encoded), rel=1e-5)
    assert training.losses[-1] < training.losses[0]
    before = classifier(folder).state_dict()
    for (name, mine), plain in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        if not name.endswith("key.bias"):  # its gradient is nothing but rounding, of which Adam makes steps
            moved = float((plain - before[name]).abs().max())
            assert float((mine - plain).abs().max()) <= 1e-6 + 1e-3 * moved, name

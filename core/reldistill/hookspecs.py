"""The hooks that a plugin can fulfil. This page is all that a plugin author needs.

A plugin is a module that a distribution names in the entry-point group ``reldistill``::

    [project.entry-points.reldistill]
    my-relations = "my_package.relations"

Each hook below does nothing by default and returns an iterable of small objects with a ``name``. A plugin that fails
to load, or returns something that breaks its contract, is left out with a warning; only a run that asks for it stops.
Names that the toolkit itself provides cannot be taken; what two plugins call by the same name is chosen by
``distribution:name``.

A plugin's module may say ``reldistill_api = 1``, the :data:`PLUGIN_API` that it was written for: where that is not
supported it is left out with advice, in place of failing later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from reldistill.eval_task import EvalTask
    from reldistill.layers import LayerStrategy
    from reldistill.relation import Relation
    from reldistill.teacher import TeacherAdapter

__all__ = [
    "OLDEST_PLUGIN_API",
    "PLUGIN_API",
    "PROJECT",
    "hookimpl",
    "hookspec",
    "reldistill_layer_strategies",
    "reldistill_relations",
    "reldistill_tasks",
    "reldistill_teachers",
]

PROJECT = "reldistill"
"""The name of the hooks' project in pluggy, and of the entry-point group."""

PLUGIN_API = 1
"""The number of what plugins can rely on. It grows when something that was promised changes or goes."""

OLDEST_PLUGIN_API = 1
"""The oldest number whose plugins still work."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@hookspec
def reldistill_relations() -> Iterable[Relation]:  # type: ignore[empty-body]
    """Relations for ``--relations``.

    A pair of projections needs no code; anything else gives its own logits, ``[heads, n, n]`` for one sequence::

        from dataclasses import dataclass
        from reldistill import AttentionStates, PairRelation, hookimpl
        from torch.nn.functional import normalize


        @dataclass(frozen=True)
        class HiddenCosine:
            name: str = "hidden-cosine"
            needs: frozenset[str] = frozenset({"hidden"})

            def logits(self, states: AttentionStates, relation_heads: int):
                unit = normalize(states.require("hidden"), dim=-1)  # [n, width]
                return (10 * unit @ unit.T).unsqueeze(0)  # [1, n, n]


        @hookimpl
        def reldistill_relations():
            return [PairRelation("query-key", "query", "key"), HiddenCosine()]
    """


@hookspec
def reldistill_layer_strategies() -> Iterable[LayerStrategy]:  # type: ignore[empty-body]
    """Strategies for ``--layers``.

    Layers count from 1::

        from reldistill import LayerContext, LayerPair, hookimpl


        class Middle:
            name = "middle"

            def pairs(self, context: LayerContext):
                return [LayerPair(teacher_layer=(context.teacher_layers + 1) // 2, student_layer=context.student_layers)]


        @hookimpl
        def reldistill_layer_strategies():
            return [Middle()]
    """


@hookspec
def reldistill_teachers() -> Iterable[TeacherAdapter]:  # type: ignore[empty-body]
    """Families of encoders for ``--teacher``.

    ELECTRA has BERT's modules under BERT's names::

        from reldistill import Projections, ProjectionsOnly, hookimpl


        class Electra:
            name = "electra"
            model_types = frozenset({"electra"})
            aliases = {"electra-small": "google/electra-small-discriminator"}

            def student_config(self, config, shape):
                return type(config)(
                    **{
                        **config.to_dict(),
                        "num_hidden_layers": shape.layers,
                        "hidden_size": shape.hidden_size,
                        "embedding_size": shape.hidden_size,
                        "num_attention_heads": shape.attention_heads,
                        "intermediate_size": shape.intermediate_size,
                    }
                )

            def position_offset(self, config):
                return 0

            def projections(self, model, layer):
                module = model.encoder.layer[layer - 1]
                attention = module.attention.self
                return Projections(attention.query, attention.key, attention.value, module)

            def cut(self, model, layers):
                last = max(layers)
                del model.encoder.layer[last:]
                model.encoder.layer[last - 1] = ProjectionsOnly(model.encoder.layer[last - 1], self.projections(model, last))


        @hookimpl
        def reldistill_teachers():
            return [Electra()]
    """


@hookspec
def reldistill_tasks() -> Iterable[EvalTask]:  # type: ignore[empty-body]
    """Tasks for ``minictl eval``.

    Most need no more than labels and a way to read rows, and take the rest from a built-in task::

        from dataclasses import dataclass
        from datasets import Dataset
        from reldistill import Evaluation, hookimpl
        from reldistill.evaluation.data import read_tsv
        from reldistill_plugins.tasks.sentences import SentenceTask


        @dataclass(frozen=True)
        class Tone(SentenceTask):
            def selection(self, languages):
                return [Evaluation("dev", "dev")]

            def evaluations(self, languages):
                return [Evaluation("dev", "dev")]

            def load(self, source, split, language):
                file = source.find([f"{split}.tsv"])
                if file is None:
                    raise source.missing(f"{split} rows", "train.tsv\\ndev.tsv   (columns text and label)")
                rows = read_tsv(source.note(file))
                return Dataset.from_dict(
                    {
                        "index": [str(n) for n in range(len(rows))],
                        "text": [row["text"] for row in rows],
                        "label": [row["label"] for row in rows],
                    }
                )


        @hookimpl
        def reldistill_tasks():
            return [
                Tone(
                    "tone",
                    ("calm", "angry"),
                    ("accuracy", "f1"),
                    "accuracy",
                    epochs=(3, 5),
                    learning_rates=(2e-5, 5e-5),
                    family="tone",
                )
            ]
    """

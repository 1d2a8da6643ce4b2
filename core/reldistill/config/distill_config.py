"""The options of a distillation: one typed field each, with the help that the command line shows.

Kept free of torch, so that ``minictl distill --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from reldistill.config.option import at_least, hold_to_types, not_empty, option
from reldistill.config.option_types import flag
from reldistill.errors import UsageError

__all__ = ["CHOICES", "DistillConfig", "parse_mixing"]

CHOICES = {
    "init": ("random", "embeddings", "truncate", "skip"),
    "precision": ("auto", "fp32", "bf16"),
    "attention": ("auto", "xformers", "flash_attention_2", "native", "sdpa", "eager"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "track": ("none", "tensorboard"),
}


@dataclass(frozen=True)
class DistillConfig:
    """Everything that a distillation can be told. None means: the paper's default for these models, shown in the plan."""

    teacher: str = option(
        "Teacher: an alias (bert-base, xlm-r-large, …), a local folder, or an id on the Hub.", "", panel="Models"
    )
    student: str = option("Shape of the student, LAYERSxWIDTH.", "6x384", panel="Models")
    student_heads: int = option("Attention heads of the student.", 12, panel="Models")
    student_ffn: int | None = option(
        "Width of the student's feed-forward part. (default: 4 × its width)", None, panel="Models"
    )
    init: Literal["random", "embeddings", "truncate", "skip"] = option(
        "How the student starts: random, embeddings (the teacher's, of its width), truncate (these and its first layers) or skip "
        "(these and every second layer, or every n-th one); the last two need the teacher's feed-forward width and heads too.",
        "random",
        panel="Models",
    )
    relations: str = option(
        "Relations to distil, with weights: qq,kk=0.5,vv.  Built in: each pair of q, k and v.",
        "qq,kk,vv",
        panel="Method",
    )
    relation_heads: int | Literal["attention"] | None = option(
        "Relation heads; attention: as many as both models have attention heads. (default: 48 for base-size teachers, 64 for "
        "large ones; less where the widths demand it)",
        None,
        panel="Method",
    )
    layers: str = option(
        "Teacher layer: paper, last, uniform, auto (a short probe decides), a layer (19), or pairs teacher:student=weight "
        "(12:6,6:3=0.5).",
        "paper",
        panel="Method",
    )
    probe_steps: int | None = option(
        "Steps of the probe of --layers auto, which trains a student for each layer. (default: a twentieth of the run's, from "
        "100 to 2,000)",
        None,
        alters_result=False,  # what it finds, a layer, does
        panel="Method",
    )
    data: tuple[str, ...] = option(
        "Text (.txt, .jsonl, .parquet, also .gz and .zst: files, folders, quoted globs), a folder of save_to_disk, corpora of "
        "`minictl data build` (several are mixed), or a Hub data set "
        "owner/name:config@revision. Repeatable. (default: Wikipedia from the Hub)", (), panel="Data",
    )  # fmt: skip
    mixing: str = option(
        "Several corpora: draw from each in proportion to its sequences to this power (1: as they come, 0: all alike, 0.3: as "
        "XLM-R does with languages), or to weights, one for each: 2,1,1.", "0.3", panel="Data",
    )  # fmt: skip
    validation: tuple[str, ...] = option(
        "Held-out text or corpus; its relation loss is measured too. Repeatable.", (), panel="Data"
    )
    text_column: str = option(
        "Column of .jsonl and .parquet files and of data sets that holds the text.", "text", panel="Data"
    )
    max_length: int = option(
        "Longest sequence, in tokens with the special ones; longer documents are split.", 512, panel="Data"
    )
    batch_size: int = option("Sequences in a global batch.", 256)
    steps: int | None = option(
        "Optimiser steps; 0 writes the student as it starts, a baseline. (default: 400,000; 1,000,000 for XLM-R)", None
    )
    warmup: int | None = option("Steps of linear warm-up. (default: 4,000, at most a tenth of the steps)", None)
    learning_rate: float = option("Peak learning rate; it decays linearly to 0.", 6e-4)
    adam_beta2: float | None = option(
        "Adam's second moment. (default: 0.999; 0.98 for a 12x768 student of RoBERTa-large)", None
    )
    adam_epsilon: float = option("Adam's epsilon.", 1e-6)
    weight_decay: float = option("Weight decay; biases and LayerNorm are left out.", 0.01)
    clip: float = option("Largest norm of the gradient; 0 turns clipping off.", 1.0)
    max_skipped: int = option(
        "Updates in a row that are left out because the loss or its gradient is not finite; after that the run goes back "
        "to its last checkpoint, past these batches.",
        3,
    )
    seed: int = option("Seed of initialisation, order and dropout.", 0)
    micro_batch_tokens: int | None = option(
        "Tokens computed at once; does not change the global batch. (default: 4,096 on CPU, 32,768 on a GPU)",
        None,
        panel="Machine",
    )
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto takes bf16 where the device is fast at it.", "auto", panel="Machine"
    )
    attention: Literal["auto", "xformers", "flash_attention_2", "native", "sdpa", "eager"] = option(
        "Attention backend: auto is native on a CPU, xformers on CUDA where it runs, else sdpa; eager is the slow oracle. "
        "`minictl doctor` tells which run here.",
        "auto",
        panel="Machine",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = option("Where to run.", "auto", panel="Machine")
    shard_teacher: bool = option(
        "Spread the teacher's weights over the processes (FSDP2), for one that a single device does not hold.",
        False,
        alters_result=False,
        panel="Machine",
    )
    deterministic: bool = option(
        "On a GPU, take only operations that give the same bits each time, as a CPU does anyway; slower.",
        False,
        panel="Machine",
    )
    compile: bool = option(
        "torch.compile for teacher and student; on CPUs it was not faster, and the first steps take longer.",
        False,
        panel="Machine",
    )
    log_every: int = option("Steps between two rows of metrics.jsonl.", 10, alters_result=False, panel="Output")
    validate_every: int | None = option(
        "Steps between two validations. (default: at the start and at the end)",
        None,
        alters_result=False,
        panel="Output",
    )
    checkpoint_every: int | None = option(
        "Steps between two checkpoints. (default: a quarter of an hour)", None, alters_result=False, panel="Output"
    )
    keep: int = option("Checkpoints to keep; older ones are removed.", 2, alters_result=False, panel="Output")
    resume: str = option(
        "auto goes on from the newest whole checkpoint of the run folder, never starts again, a path goes on from that "
        "checkpoint.",
        "auto",
        alters_result=False,
        panel="Output",
        this_time=True,
    )
    accept_changes: bool = option(
        "Go on from a checkpoint of a run with other options, another teacher or other text.",
        False,
        alters_result=False,
        panel="Output",
        this_time=True,
    )
    track: Literal["none", "tensorboard"] = option(
        "Also write the rows of metrics.jsonl for TensorBoard, into tensorboard/ of the run folder.",
        "none",
        alters_result=False,
        panel="Output",
    )
    output: str | None = option(
        "Run folder. (default: runs/ and a name made of the options that change the result)",
        None,
        alters_result=False,
        panel="Output",
    )
    overwrite: bool = option(
        "Start again where the run folder already holds a student.",
        False,
        alters_result=False,
        panel="Output",
        this_time=True,
    )

    def __post_init__(self) -> None:
        if not self.teacher:
            raise UsageError(
                "no teacher given", hint="--teacher bert-base, xlm-r-large, a local folder or an id on the Hub."
            )
        hold_to_types(self)
        for name in ("student_heads", "batch_size", "max_length", "log_every", "keep"):
            at_least(name, getattr(self, name), 1)
        for name in (
            "student_ffn",
            "relation_heads",
            "micro_batch_tokens",
            "validate_every",
            "checkpoint_every",
            "probe_steps",
        ):
            if isinstance(value := getattr(self, name), int):
                at_least(name, value, 1)
        for name in ("steps", "warmup", "weight_decay", "clip", "seed", "max_skipped"):
            if (value := getattr(self, name)) is not None:
                at_least(name, value, 0)
        for name, limit in (
            ("seed", 2**63),
            ("batch_size", 2**24),
            ("micro_batch_tokens", 2**31),
            ("max_length", 2**20),
        ):
            if (value := getattr(self, name)) is not None and value >= limit:
                raise UsageError(f"{flag(name)} {value}: must be below {limit:,}")
        for name in ("data", "validation"):
            for source in getattr(self, name):
                not_empty(name, source, "Give a file, a folder, a corpus or owner/name on the Hub.")
        parse_mixing(self.mixing)
        not_empty("output", self.output, "Give the name of a folder.")
        not_empty("resume", self.resume, "Allowed: auto, never, or the path of a checkpoint.")
        if self.overwrite and self.resume not in ("auto", "never"):
            raise UsageError(
                f"--overwrite with --resume {self.resume}: one starts again, the other goes on",
                hint="Leave one of them out; another --output may begin from a checkpoint of this run.",
            )
        for name in ("learning_rate", "adam_epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{flag(name)} {getattr(self, name)}: must be a positive number")
        if self.adam_beta2 is not None and not 0 <= self.adam_beta2 < 1:
            raise UsageError(f"--adam-beta2 {self.adam_beta2}: must be at least 0 and below 1")

    def result_options(self) -> dict[str, Any]:
        """The options that change what comes out; two runs that agree on them give the same student."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.metadata["alters_result"]}


def parse_mixing(text: str) -> float | tuple[float, ...]:
    """The exponent, or the weights where there are several numbers.

    Raises:
        UsageError: it is neither.
    """
    try:
        numbers = tuple(float(number) for number in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) == 1 and 0 <= numbers[0] <= 1:
        return numbers[0]
    if len(numbers) > 1 and all(0 < number < float("inf") for number in numbers):
        return numbers
    raise UsageError(
        f"--mixing {text}: neither an exponent nor weights",
        hint="Give one number from 0 to 1, or a positive number for each corpus: 2,1,1.",
    )

"""The options of a distillation: one typed field each, with the help that the command line shows.

Kept free of torch, so that ``minictl distill --help`` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from reldistill.errors import UsageError

__all__ = ["CHOICES", "DistillConfig", "option", "parse_mixing"]

CHOICES = {
    "init": ("random", "truncate"),
    "precision": ("auto", "fp32", "bf16"),
    "attention": ("auto", "xformers", "flash_attention_2", "native", "sdpa", "eager"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "track": ("none", "tensorboard"),
}


def option(help: str, default: Any, *, alters_result: bool = True, panel: str = "Training") -> Any:
    """A field of a configuration: its help, the group it is shown in, and whether it changes what comes out."""
    return field(default=default, metadata={"help": help, "alters_result": alters_result, "panel": panel})


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
    init: Literal["random", "truncate"] = option(
        "How the student starts: random, or truncate (the teacher's first layers; same width).",
        "random",
        panel="Models",
    )
    relations: str = option(
        "Relations to distil, with weights: qq,kk=0.5,vv.  Built in: each pair of q, k and v.",
        "qq,kk,vv",
        panel="Method",
    )
    relation_heads: int | None = option(
        "Relation heads. (default: 48 for base-size teachers, 64 for large ones; less where the widths demand it)",
        None,
        panel="Method",
    )
    layers: str = option(
        "Teacher layer: paper, last, uniform, a layer (19), or pairs teacher:student=weight (12:6,6:3=0.5).",
        "paper",
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
    steps: int | None = option("Optimiser steps. (default: 400,000; 1,000,000 for XLM-R)", None)
    warmup: int | None = option("Steps of linear warm-up. (default: 4,000, at most a tenth of the steps)", None)
    learning_rate: float = option("Peak learning rate; it decays linearly to 0.", 6e-4)
    adam_beta2: float | None = option(
        "Adam's second moment. (default: 0.999; 0.98 for a 12x768 student of RoBERTa-large)", None
    )
    adam_epsilon: float = option("Adam's epsilon.", 1e-6)
    weight_decay: float = option("Weight decay; biases and LayerNorm are left out.", 0.01)
    clip: float = option("Largest norm of the gradient; 0 turns clipping off.", 1.0)
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
        "Start again where the run folder already holds a student.", False, alters_result=False, panel="Output"
    )

    def __post_init__(self) -> None:
        if not self.teacher:
            raise UsageError(
                "no teacher given", hint="--teacher bert-base, xlm-r-large, a local folder or an id on the Hub."
            )
        for name, allowed in CHOICES.items():
            if (value := getattr(self, name)) not in allowed:
                raise UsageError(f"{_flag(name)} {value}: not a choice", hint=f"Allowed: {', '.join(allowed)}.")
        for name in ("student_heads", "batch_size", "max_length", "log_every"):
            _at_least(name, getattr(self, name), 1)
        for name in ("student_ffn", "relation_heads", "steps", "micro_batch_tokens", "validate_every"):
            if (value := getattr(self, name)) is not None:
                _at_least(name, value, 1)
        for name in ("warmup", "weight_decay", "clip", "seed"):
            if (value := getattr(self, name)) is not None:
                _at_least(name, value, 0)
        for name, limit in (
            ("seed", 2**63),
            ("batch_size", 2**24),
            ("micro_batch_tokens", 2**31),
            ("max_length", 2**20),
        ):
            if (value := getattr(self, name)) is not None and value >= limit:
                raise UsageError(f"{_flag(name)} {value}: must be below {limit:,}")
        for name in ("data", "validation"):
            if "" in getattr(self, name):
                raise UsageError(
                    f"{_flag(name)} is empty", hint="Give a file, a folder, a corpus or owner/name on the Hub."
                )
        parse_mixing(self.mixing)
        if self.output == "":
            raise UsageError("--output is empty", hint="Give the name of a folder.")
        for name in ("learning_rate", "adam_epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise UsageError(f"{_flag(name)} {getattr(self, name)}: must be a positive number")
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


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _at_least(name: str, value: float, least: int) -> None:
    if not value >= least or value == float("inf"):
        raise UsageError(f"{_flag(name)} {value}: must be at least {least}")

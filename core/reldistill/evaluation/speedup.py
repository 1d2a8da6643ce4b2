"""How much faster a model infers than the 12x768 model of its family (the paper's column Speedup)."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reldistill.errors import CheckpointError, in_one_line
from reldistill.evaluation.positions import longest_sequence
from reldistill.evaluation.result_file import ResultFile
from reldistill.evaluation.speed_file import Speedup, keep_speedup, kept_speedup, this_machine

__all__ = ["REFERENCE", "measure_speedup", "speedup_of"]

REFERENCE = {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072}
"""The base size that the paper's speedups refer to."""


def speedup_of(results: Iterable[ResultFile]) -> Speedup:
    """The kept speedup of a model on this machine, or else a measured one, which is kept beside its newest result.

    Args:
        results: those of one model, the newest first.

    Raises:
        CheckpointError: the model is not where its results say, or cannot be loaded.
    """
    found = list(results)
    model, folders, machine = found[0].model, [result.path.parent for result in found], this_machine()
    kept = kept_speedup(folders, model.sha256, machine)
    if kept is not None:
        return kept
    speedup = measure_speedup(_folder_of(found[0]), sha256=model.sha256, machine=machine)
    with suppress(OSError):  # In a folder that others own; the measurement holds all the same.
        keep_speedup(folders[0], speedup)
    return speedup


def measure_speedup(
    folder: Path, *, sha256: str, machine: str, batch: int = 16, length: int = 128, rounds: int = 7
) -> Speedup:
    """Time the encoder against a random 12x768 one of its own configuration and vocabulary, in turns, in fp32 on the CPU.

    ``length`` is cut to the positions that the model has. Raises :class:`CheckpointError` for what does not load.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    from reldistill.encoder.quiet import quiet_transformers
    from reldistill.inference_speed import inference_speed

    try:
        with quiet_transformers(), torch.random.fork_rng(devices=[]):
            model = AutoModel.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32, trust_remote_code=False
            ).eval()
            config = copy.deepcopy(model.config)
            for name, size in REFERENCE.items():
                setattr(config, name, size)
            if kinds := getattr(config, "layer_types", None):  # with a window or without: the model's own, over again
                config.layer_types = [kinds[layer % len(kinds)] for layer in range(config.num_hidden_layers)]
            reference = AutoModel.from_config(config, dtype=torch.float32).eval()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{folder}: the model cannot be loaded: {in_one_line(error)}") from error
    length = min(length, longest_sequence(config) or length)
    speeds = inference_speed({"model": model, "reference": reference}, batch=batch, length=length, rounds=rounds)
    of_model, of_reference = speeds["model"], speeds["reference"]
    return Speedup(
        sha256=sha256, machine=machine, reference="12x768", device="cpu", threads=torch.get_num_threads(), batch=batch,
        length=length, rounds=rounds, median=of_model.median / of_reference.median,
        low=of_model.slowest / of_reference.fastest, high=of_model.fastest / of_reference.slowest,
    )  # fmt: skip


def _folder_of(result: ResultFile) -> Path:
    """The model's folder: as the result names it, from here or from a folder that the result lies below."""
    named = Path(result.model.path)
    for start in (Path(), *result.path.resolve().parents):
        if (start / named / "config.json").is_file():
            return start / named
    raise CheckpointError(f"{named}: there is no model any more")

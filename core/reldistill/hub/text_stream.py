"""Text of the Hub as a stream of documents. Only formats that need no code of the data set are read."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from difflib import get_close_matches
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

from reldistill.errors import DataError, in_one_line
from reldistill.hub.connection import PATIENCE_SECONDS, HubUnreachable, ask, refusal, transport_errors
from reldistill.hub.text_name import GRAMMAR, HubText

if TYPE_CHECKING:
    from datasets import DatasetBuilder, IterableDataset

__all__ = ["pinned", "stream_documents"]

SHUFFLE_BUFFER = 1_000
"""Documents of each configuration that wait in memory to be drawn in random order."""
PARALLEL_FILES = 10
"""Files that are read at the same time, over all configurations; more would only delay the first document."""
CLIENT_GONE = "client has been closed"
"""The HTTP client's RuntimeError for a request while huggingface_hub replaces the client, as it does after a lost connection."""

RECONNECTS = 3
"""How often a read that lost its connection starts anew; each time the client waits for about half a minute."""

Result = TypeVar("Result")


def pinned(source: HubText) -> HubText:
    """``source`` at the commit that it means now; the Hub is asked unless it names one.

    Raises:
        DataError: as :func:`stream_documents`.
    """
    if re.fullmatch("[0-9a-f]{40}", source.revision or ""):
        return source
    return replace(source, revision=_commit(source))


def stream_documents(source: HubText, *, seed: int = 0) -> Iterator[str]:
    """Yield the documents of ``source`` in an order that its revision, ``seed`` and the version of datasets decide.

    Files are taken in random order and documents drawn from a buffer of :data:`SHUFFLE_BUFFER`. One configuration ends
    after its last document. Several are mixed by size (:class:`HubText`) until each has been read to its end once, so
    small ones come again and again: take as many documents as are needed. Rows without text are left out.

    Everything is checked when the first document is asked for, nothing is written but the Hub's cache of small files.

    Raises:
        DataError: no such data set, configuration, split or column, no permission, the Hub out of reach, or the
            connection lost on the way and not found again in about a minute and a half.
    """
    revision = _commit(source)
    builders = [_builder(source, config, revision) for config in source.configs or (None,)]
    weights = _probabilities(source, builders) if len(builders) > 1 else None
    parts = [_open(source, builder, seed) for builder in builders]
    rows: Iterator[dict[str, Any]]
    if weights is None:
        rows = iter(parts[0])
    else:
        from datasets import interleave_datasets

        rows = iter(interleave_datasets(parts, probabilities=weights, seed=seed, stopping_strategy="all_exhausted"))
    while True:
        try:
            row = _reading(source, lambda: next(rows))
        except StopIteration:
            return
        document = row[source.text_column]
        if isinstance(document, str):
            yield document
        elif document is not None:
            raise DataError(
                f"the column '{source.text_column}' of the data set '{source.short_name}' holds {type(document).__name__}, not text",
                hint="Name a column whose values are strings, one document each.",
            )


def _commit(source: HubText) -> str:
    """The full hash of the commit that ``source`` means; whether it can be read at all.

    Raises:
        DataError: out of reach, no such data set or revision, no permission.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        info = ask(lambda: api.dataset_info(source.repo_id, revision=source.revision, timeout=PATIENCE_SECONDS))
    except HubUnreachable as reason:
        raise DataError(
            f"cannot stream the data set '{source.short_name}': the Hugging Face Hub is out of reach ({reason})",
            hint=_offline_hint(source),
        ) from reason
    except (transport_errors(), ValueError) as error:  # ValueError: a name that cannot be a repository's
        message, hint = refusal(error, "data set", source.repo_id, source.revision) or (
            str(error),
            f"The form is {GRAMMAR}.",
        )
        raise DataError(message, hint=hint) from error
    if info.sha is None:
        raise DataError(f"the Hub names no commit for the data set '{source.short_name}'", hint=_offline_hint(source))
    return info.sha


def _builder(source: HubText, config: str | None, revision: str) -> DatasetBuilder:
    """The description of one configuration: its files, splits, columns and sizes.

    Raises:
        DataError: no such configuration or split, or nothing that can be read without code.
    """
    from datasets import get_dataset_config_names, load_dataset_builder

    try:
        builder = _reading(source, lambda: load_dataset_builder(source.repo_id, config, revision=revision))
    except DataError:
        names = _reading(source, lambda: get_dataset_config_names(source.repo_id, revision=revision))
        if config in names or (config is None and len(names) < 2):
            raise
        wrong = (
            f"has no configuration '{config}'"
            if config
            else "has several configurations, and none of them is the default"
        )
        raise DataError(
            f"the data set '{source.repo_id}' {wrong}",
            hint=_choices("configurations", names, config) + f"\nName it as {source.repo_id}:CONFIG.",
        ) from None
    splits = [str(split) for split in builder.config.data_files or builder.info.splits or ()]
    if source.split not in splits:
        raise DataError(
            f"the data set '{source.repo_id}'{f', configuration {config!r},' if config else ''} has no split '{source.split}'",
            hint=_choices("splits", splits, source.split) + "\nName it as …#SPLIT.",
        )
    return builder


def _open(source: HubText, builder: DatasetBuilder, seed: int) -> IterableDataset:
    """The shuffled stream of one configuration, reduced to the text column.

    Raises:
        DataError: there is no such column.
    """

    def open_stream() -> tuple[IterableDataset, list[str]]:
        stream = builder.as_streaming_dataset(split=source.split)
        return stream, stream.column_names or list(next(iter(stream), {}))

    stream, columns = _reading(source, open_stream)
    if source.text_column not in columns:
        raise DataError(
            f"the data set '{source.short_name}' has no column '{source.text_column}'",
            hint=_choices("columns", columns, source.text_column),
        )
    stream = stream.select_columns([source.text_column])
    # datasets 4 reads one file after the other and has no such option; datasets 5 would read ten of each configuration.
    files = {"max_buffer_input_shards": max(1, PARALLEL_FILES // max(1, len(source.configs)))}
    known = files if "max_buffer_input_shards" in signature(stream.shuffle).parameters else {}
    return stream.shuffle(seed=seed, buffer_size=SHUFFLE_BUFFER, **known)


def _probabilities(source: HubText, builders: Sequence[DatasetBuilder]) -> list[float]:
    """p_l = n_l^alpha / sum(n^alpha), with n_l the documents of a configuration as its card states them.

    Where a card does not count documents n_l is the size of the text in bytes, or else of the files on the Hub.

    Raises:
        DataError: none of them is known of every configuration.
    """
    splits = [(builder.info.splits or {}).get(source.split) for builder in builders]
    counts: Sequence[Callable[[], list[int]]] = (
        lambda: [getattr(split, "num_examples", None) or 0 for split in splits],
        lambda: [getattr(split, "num_bytes", None) or 0 for split in splits],
        lambda: _reading(source, lambda: [_file_bytes(builder, source.split) for builder in builders]),
    )
    for count in counts:
        sizes = count()
        if all(sizes):
            exponent = 1.0 if source.exponent is None else source.exponent
            shares = [math.pow(size, exponent) for size in sizes]
            return [share / sum(shares) for share in shares]
    unknown = [config for config, size in zip(source.configs, sizes, strict=True) if not size]
    raise DataError(
        f"the data set '{source.repo_id}' does not state how large these configurations are: {', '.join(unknown)}",
        hint="Mixing several configurations needs their sizes (dataset_info with num_examples in the data set's "
        "README.md). Give one configuration for each --data instead.",
    )


def _file_bytes(builder: DatasetBuilder, split: str) -> int:
    """The size of a configuration's files on the Hub, in bytes; 0 if they do not lie there."""
    from huggingface_hub import HfFileSystem

    files = [str(file) for file in (builder.config.data_files or {}).get(split, ())]
    if not all(file.startswith("hf://") for file in files):
        return 0
    hub = HfFileSystem()
    return sum(int(hub.info(file)["size"]) for file in files)


def _reading(source: HubText, step: Callable[[], Result]) -> Result:
    """Run one step of the data set library, with its errors turned into messages and its patience limited.

    Raises:
        DataError: the connection was lost, a file is not what its name says, or the library refuses the data set.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    # 20 by default: with the waits below it, a quarter of an hour of silence.
    datasets.config.STREAMING_READ_MAX_RETRIES = min(datasets.config.STREAMING_READ_MAX_RETRIES, RECONNECTS)
    datasets.config.STREAMING_OPEN_MAX_RETRIES = min(datasets.config.STREAMING_OPEN_MAX_RETRIES, RECONNECTS)
    try:
        return step()
    except (transport_errors(), OSError, DatasetsError, ValueError, RuntimeError) as error:
        if (
            isinstance(error, OSError)
            and error.errno is not None
            and not isinstance(error, ConnectionError | TimeoutError)
        ):
            raise  # of the local file system
        refused = refusal(error, "data set", source.repo_id, source.revision)
        if refused is not None:
            message, hint = refused
        elif isinstance(error, ConnectionError | TimeoutError | transport_errors()) or CLIENT_GONE in str(error):
            message = f"lost the connection to the Hugging Face Hub while reading the data set '{source.short_name}': {in_one_line(error)}"
            hint = _offline_hint(source)
        else:  # pyarrow's errors of broken files are ValueErrors; RuntimeError: a data set that is a script
            message = f"cannot read the data set '{source.short_name}': {in_one_line(error)}"
            hint = "Data sets of parquet, jsonl, csv or text files can be streamed; data sets that are a script cannot."
        raise DataError(message, hint=hint) from error


def _choices(what: str, names: Sequence[str], wrong: str | None) -> str:
    """The names that exist, the nearest first where there are too many to read."""
    if len(names) <= 20:
        return f"Its {what}: {', '.join(names)}."
    near = get_close_matches(wrong or "", names, n=5, cutoff=0.5)
    shown = near or list(names[:5])
    return f"It has {len(names)} {what}, {'the nearest' if near else 'the first'} are {', '.join(shown)}."


def _offline_hint(source: HubText) -> str:
    config = f", {source.configs[0]!r}" if source.configs else ""
    revision = f", revision={source.revision!r}" if source.revision else ""
    each = " (and so on for the other configurations)" if len(source.configs) > 1 else ""
    load = f"load_dataset({source.repo_id!r}{config}, split={source.split!r}{revision})"
    return (
        "To go on offline, give text with --data PATH: .txt files (a document a line), .jsonl files, or a folder of them.\n"
        "On a machine with access, Python writes this data set as such a file, to be copied over:\n"
        f"  from datasets import load_dataset; {load}.to_json('text.jsonl'){each}"
    )

"""Loading a plugin without its traces in the process: a run that does not use it computes the same bits.

What is put back is what plugins are known to change by accident. It is no sandbox: a plugin that wants to can still patch
any module, and what it does to ``sys.path``, logging and the filters of warnings stays.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from reldistill.stop import SIGNALS

__all__ = ["undisturbed"]


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put back what is changed within: streams, current folder, environment, signal handlers, the seeds of Python, numpy
    and torch, torch's default dtype and device, its threads and whether it records gradients.

    What is printed within goes to stderr: a script may read what is on stdout.
    """
    with contextlib.ExitStack() as afterwards:
        afterwards.callback(setattr, sys, "stderr", sys.stderr)
        afterwards.enter_context(contextlib.redirect_stdout(sys.stderr))
        afterwards.callback(_same_environment, dict(os.environ))
        with contextlib.suppress(OSError):  # a folder that is gone is nobody's
            afterwards.callback(_back_to, Path.cwd())
        for read, write in _states():
            afterwards.callback(write, read())
        for read, write in _settings():
            afterwards.callback(_write_if_changed, read, write, read())
        yield


Access = tuple[Callable[[], Any], Callable[[Any], Any]]
"""What reads something, and what writes it."""


def _states() -> Iterator[Access]:
    import numpy as np
    import torch

    yield random.getstate, random.setstate
    yield lambda: np.random.get_state(legacy=True), np.random.set_state
    yield torch.get_rng_state, torch.set_rng_state


def _settings() -> Iterator[Access]:
    import torch

    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.get_default_device, _set_default_device
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms
    if threading.current_thread() is threading.main_thread():
        for name in SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not None:  # None: not set by Python
                yield partial(signal.getsignal, number), partial(signal.signal, number)


def _write_if_changed(read: Callable[[], Any], write: Callable[[Any], Any], before: Any) -> None:
    if read() != before:  # some of these do more than they say
        write(before)


def _set_default_device(device: Any) -> None:
    import torch

    torch.set_default_device(None if device == torch.device("cpu") else device)


def _back_to(folder: Path) -> None:
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _same_environment(before: dict[str, str]) -> None:
    if dict(os.environ) != before:
        os.environ.clear()
        os.environ.update(before)

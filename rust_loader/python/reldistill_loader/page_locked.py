"""Page-locked memory: registered with CUDA, so that copies to the GPU run beside everything else."""

from typing import Any

from reldistill_loader.errors import InputError


def check() -> None:
    """Raises `InputError` where torch or CUDA is missing."""
    try:
        import torch
    except ImportError:
        raise InputError("pin_memory = True needs torch, which is not installed; leave pin_memory out") from None
    if not torch.cuda.is_available():
        raise InputError("pin_memory = True needs a CUDA device and there is none; leave pin_memory out")


def register(address: int, size: int) -> None:
    """Locks `size` bytes from `address` on into memory.

    Raises:
        RuntimeError: CUDA refused, mostly for lack of memory that may be locked.
    """
    _succeeded(_cudart().cudaHostRegister(address, size, 0))


def unregister(address: int) -> None:
    """Lets go of what `register` locked."""
    _succeeded(_cudart().cudaHostUnregister(address))


def _cudart() -> Any:
    import torch

    return torch.cuda.cudart()


def _succeeded(result: Any) -> None:
    if int(result) != 0:
        raise RuntimeError(f"CUDA error {int(result)}")

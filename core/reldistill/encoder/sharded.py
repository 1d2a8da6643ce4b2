"""A teacher that no single device holds: each rank keeps a share of its weights (FSDP2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

if TYPE_CHECKING:
    import torch

    from reldistill.encoder.encoder import Encoder
    from reldistill.teacher import TeacherAdapter

__all__ = ["shard_over_ranks"]


def shard_over_ranks(encoder: Encoder, adapter: TeacherAdapter, device: torch.device) -> None:
    """Spread the weights over all ranks, in place; of each layer the whole is there while it computes and no longer.

    States stay bitwise what they were. From then on all ranks must call the encoder equally often: each call gathers what
    the others hold.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for layer in range(1, max(encoder.layers) + 1):
        fully_shard(adapter.projections(encoder.model, layer).layer, mesh=mesh, reshard_after_forward=True)
    fully_shard(encoder, mesh=mesh, reshard_after_forward=True)

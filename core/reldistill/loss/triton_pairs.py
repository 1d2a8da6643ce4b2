"""Pair relations on a GPU: the host side of the Triton kernels. No map of a sequence, and nothing waits for the device.

The gradient is computed when backward asks for it, from the states and the logarithms of the rows' sums, not together
with the value as on the CPU. There the two share their softmaxes; here a row's sums are known only after the pass over
its keys, and the logits have to be made a second time whenever the gradient is computed. So the time is the same, and
waiting costs less memory: ``8 · A`` bytes a token and relation in place of ``4 · D`` a token and projection, and
backward writes the gradient in the dtype of the states, already multiplied by that of the loss.

For a sequence of n tokens and projections of width D_t and D_s the operations are ``2 · n² · (D_t + D_s)`` for the
value of each relation, and ``2 · n² · (D_t + 2 · D_s)`` for each ordered pair of projections of which the first needs a
gradient and which a relation compares, either way round; with bf16, whose slopes are two numbers each, ``2 · n² · D_s``
more. Blocks pad n to multiples of 32 or 64 and heads to at least 16; of a student's head wider than 128 the logits are
made again for each further 128 (64 where the dtypes of teacher and student differ in size, or are fp64).

Shape letters: T tokens of the batch, S sequences, A relation heads, D width of a projection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from reldistill.loss.kept_gradient import weighted_sum
from reldistill.loss.precision import accumulation_dtype
from reldistill.loss.triton_blocks import Blocks
from reldistill.relation import PAIR_STATES

if TYPE_CHECKING:
    from torch import Tensor

    from reldistill.relation import PairRelation, Relation
    from reldistill.states import AttentionStates

__all__ = ["triton_terms"]


def triton_terms(
    teacher: AttentionStates,
    student: AttentionStates,
    relations: Mapping[PairRelation, float],
    relation_heads: int,
    divisor: int,
) -> tuple[Tensor, dict[Relation, Tensor]]:
    """Equation 5 as a differentiable scalar, and equation 6 for each relation.

    Sums are in fp32, or in fp64 where a state is. Needs what :func:`reldistill.loss.triton_device.triton_obstacle`
    looks for.
    """
    states = tuple(getattr(student, name) for name in PAIR_STATES)
    total, *terms = _TritonPairs.apply(
        teacher, student, relations, relation_heads, max(divisor, 1), torch.is_grad_enabled(), *states
    )
    return total, dict(zip(relations, terms, strict=True))


class _TritonPairs(torch.autograd.Function):
    """Keeps, beside the states, ``[relations, 2, A, T]``: the logarithms of the sums of each row, teacher and student."""

    @staticmethod
    def forward(
        ctx: Any,
        teacher: AttentionStates,
        student: AttentionStates,
        relations: Mapping[PairRelation, float],
        relation_heads: int,
        divisor: int,
        grad_enabled: bool,
        *projections: Tensor | None,
    ) -> tuple[Tensor, ...]:
        used = [name for name in PAIR_STATES if any(name in relation.needs for relation in relations)]
        batch = _Batch(
            {name: teacher.require(name).detach() for name in used},
            {name: student.require(name).detach() for name in used},
            student.cu_seqlens,
            student.lengths,
            relation_heads,
        )
        needed = [state if name in used else None for name, state in zip(PAIR_STATES, projections, strict=True)]
        wanted = grad_enabled and any(state is not None and state.requires_grad for state in needed)
        # Without a gradient nobody reads the logarithms: one relation after another writes to the same place.
        log_sums = batch.empty(len(relations) if wanted else 1, 2, relation_heads, student.tokens)
        terms = [
            batch.divergence(relation, log_sums[number if wanted else 0]) / (relation_heads * divisor)
            for number, relation in enumerate(relations)
        ]
        if wanted:
            ctx.save_for_backward(log_sums, *needed)
            # The teacher's states are no input of this function; under inference_mode autograd could not save them.
            ctx.teacher = batch.given_teacher
            ctx.cu_seqlens, ctx.lengths = student.cu_seqlens, student.lengths
            ctx.relations, ctx.relation_heads, ctx.divisor = dict(relations), relation_heads, divisor
        ctx.wanted = wanted
        ctx.mark_non_differentiable(*terms)
        return weighted_sum(relations, dict(zip(relations, terms, strict=True))), *terms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of each projection that needs one, in its dtype; nothing for the other arguments."""
        if not ctx.wanted:  # a projection needs a gradient, but no relation reads it
            return (None,) * len(ctx.needs_input_grad)
        log_sums, *projections = ctx.saved_tensors
        student = {name: state for name, state in zip(PAIR_STATES, projections, strict=True) if name in ctx.teacher}
        batch = _Batch(ctx.teacher, student, ctx.cu_seqlens, ctx.lengths, ctx.relation_heads)
        # Multiplied on the device: reading the gradient of the loss would wait for it.
        slopes = [
            gradient.to(batch.dtype) * (weight / (ctx.relation_heads * ctx.divisor))
            for weight in ctx.relations.values()
        ]
        needed = ctx.needs_input_grad[-len(PAIR_STATES) :]
        return (
            *(None for _ in range(len(ctx.needs_input_grad) - len(needed))),
            *(
                batch.gradient(name, list(ctx.relations), log_sums, slopes) if need and name in student else None
                for name, need in zip(PAIR_STATES, needed, strict=True)
            ),
        )


class _Batch:
    """The states of one batch as the kernels take them, and the launching of both kernels."""

    def __init__(
        self,
        teacher: Mapping[str, Tensor],
        student: Mapping[str, Tensor],
        cu_seqlens: Tensor,
        lengths: tuple[int, ...],
        relation_heads: int,
    ) -> None:
        self.given_teacher, self.given_student = teacher, student
        dtype = torch.float32
        for state in (*teacher.values(), *student.values()):
            dtype = torch.promote_types(dtype, accumulation_dtype(state.dtype))
        self.dtype = dtype
        self.teacher, self.student = _operands(teacher, dtype), _operands(student, dtype)
        self.cu_seqlens, self.lengths, self.heads = cu_seqlens, lengths, relation_heads

    def empty(self, *shape: int) -> Tensor:
        """Of the dtype of the sums."""
        return torch.empty(shape, dtype=self.dtype, device=self.cu_seqlens.device)

    def divergence(self, relation: PairRelation, log_sums: Tensor) -> Tensor:
        """Equation 6, summed over sequences and heads in place of averaged; fills ``log_sums`` ``[2, A, T]``."""
        from reldistill.loss.triton_kernels import divergence_kernel

        blocks, row_blocks = self._blocks(relation.left)
        programs = len(self.lengths) * row_blocks
        divergences = self.empty(self.heads, programs).zero_()
        if programs:
            with torch.cuda.device_of(divergences):
                divergence_kernel[(programs, self.heads)](
                    *self._states(relation.left, relation.right),
                    self.cu_seqlens,
                    log_sums,
                    divergences,
                    log_sums.shape[-1],
                    row_blocks,
                    **blocks.constants(self.heads),
                    **blocks.options(),
                )
        return divergences.sum()

    def gradient(
        self, name: str, relations: list[PairRelation], log_sums: Tensor, slopes: list[Tensor]
    ) -> Tensor | None:
        """``[T, D]`` of one projection, in its dtype: the sum of what each relation that it is a side of gives it.

        ``slopes`` are the gradients of the loss by the divergences that :meth:`divergence` gives, one a relation. None
        where it is a side of no relation.
        """
        from reldistill.loss.triton_kernels import gradient_kernel

        state = self.given_student[name]
        passes = list(_passes(name, relations))
        if not passes:
            return None
        # One pass writes the gradient as it is wanted; several add up in the dtype of the sums.
        gradient = torch.empty(state.shape, dtype=state.dtype if len(passes) == 1 else self.dtype, device=state.device)
        blocks, row_blocks = self._blocks(name)
        programs = len(self.lengths) * row_blocks
        for number, this in enumerate(passes if programs else []):
            with torch.cuda.device_of(gradient):
                gradient_kernel[(programs, self.heads, blocks.outputs())](
                    *self._states(name, this.other),
                    self.cu_seqlens,
                    log_sums[this.left],
                    log_sums[this.right],
                    slopes[this.left],
                    slopes[this.right],
                    gradient,
                    log_sums.shape[-1],
                    row_blocks,
                    LEFT=this.is_left,
                    RIGHT=this.is_right,
                    ADD=number > 0,
                    OUT=blocks.out,
                    GRADIENT_PRECISION=blocks.gradient_precision,
                    **blocks.constants(self.heads),
                    **blocks.options(),
                )
        return gradient.to(state.dtype)

    def _states(self, own: str, other: str) -> tuple[Tensor | int, ...]:
        """The four states of a pass, then how far apart two tokens are in each."""
        states = (self.teacher[own], self.teacher[other], self.student[own], self.student[other])
        return *states, *(state.stride(0) for state in states)

    def _blocks(self, name: str) -> tuple[Blocks, int]:
        """For the heads of this projection, and how many blocks of rows the longest sequence has."""
        teacher, student = self.teacher[name], self.student[name]
        longest = max(self.lengths, default=0)
        blocks = Blocks.fitting(
            longest, teacher.shape[1] // self.heads, student.shape[1] // self.heads, teacher.dtype, student.dtype
        )
        return blocks, -(-longest // blocks.rows)


def _operands(states: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The states of one model in one dtype, each token's numbers side by side; copied only where they are not."""
    common = torch.float64 if dtype == torch.float64 else next(iter(states.values())).dtype
    for state in states.values():
        common = torch.promote_types(common, state.dtype)
    whole = {name: state.to(common) for name, state in states.items()}
    return {name: state if state.stride(1) == 1 else state.contiguous() for name, state in whole.items()}


@dataclass(frozen=True)
class _Pass:
    """A pass over the tokens of ``other``. ``left`` and ``right`` are the numbers of the relations that have the
    projection of the pass on that side; where none has, ``is_left`` or ``is_right`` says so and the kernel reads nothing.
    """

    other: str
    left: int
    right: int
    is_left: bool = True
    is_right: bool = True


def _passes(name: str, relations: list[PairRelation]) -> Iterator[_Pass]:
    """Those that the gradient of this projection takes: one for qq; one for qk, which a kq in the set shares."""
    for other in PAIR_STATES:
        left = [i for i, relation in enumerate(relations) if (relation.left, relation.right) == (name, other)]
        right = [i for i, relation in enumerate(relations) if (relation.left, relation.right) == (other, name)]
        both = min(len(left), len(right))
        for on_left, on_right in zip(left[:both], right[:both], strict=True):
            yield _Pass(other, on_left, on_right)
        for number in left[both:]:
            yield _Pass(other, number, number, is_right=False)
        for number in right[both:]:
            yield _Pass(other, number, number, is_left=False)

"""The two kernels of a pair relation on a GPU: what its rows diverge by, and the gradient of one projection.

Both hold a block of rows of one relation head of one sequence and pass once over all tokens of the sequence, a block
of them at a time, so that no map of a sequence is ever stored. Logits are in base 2 (multiplied by log2 e), because
``exp2`` is the GPU's own instruction.

Shape letters: T tokens of the batch, S sequences, A relation heads, n tokens of a sequence, d width of a head.
Arguments in capitals are constants of the compiled kernel. This module needs Triton, and whether its kernels are
compiled or interpreted is settled when it is imported (``TRITON_INTERPRET``).
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["INTERPRETED", "divergence_kernel", "gradient_kernel"]

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""The interpreter multiplies bf16 by their bit patterns, so there operands are widened first; the products are the same."""


@triton.jit
def _logits(
    left: tl.tensor,
    right: tl.tensor,
    rows: tl.tensor,
    columns: tl.tensor,
    length: tl.tensor,
    left_stride: tl.tensor,
    right_stride: tl.tensor,
    WIDTH: tl.constexpr,
    CHUNK: tl.constexpr,
    SCALE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DTYPE: tl.constexpr,
) -> tl.tensor:
    """``[ROWS, COLUMNS]`` logits of equations 7 and 8, in base 2. Products of 16 bits are exact in the sums of 32."""
    product = tl.full((ROWS, COLUMNS), 0.0, dtype=DTYPE)
    for first in range(0, WIDTH, CHUNK):
        across = first + tl.arange(0, CHUNK)
        inside = across < WIDTH
        x = tl.load(
            left + rows[:, None] * left_stride + across[None, :],
            mask=(rows < length)[:, None] & inside[None, :],
            other=0.0,
        )
        y = tl.load(
            right + columns[:, None] * right_stride + across[None, :],
            mask=(columns < length)[:, None] & inside[None, :],
            other=0.0,
        )
        if INTERPRETED:
            x = x.to(DTYPE)
            y = y.to(DTYPE)
        product = tl.dot(x, tl.trans(y), product, input_precision="ieee", out_dtype=DTYPE)
    return product * SCALE


# Compiled once, whatever the number of tokens is and however it lets a relation's part of the logarithms be aligned.
@triton.jit(do_not_specialize=["tokens", "blocks"], do_not_specialize_on_alignment=["log_sums"])
def divergence_kernel(
    teacher_left: tl.tensor,
    teacher_right: tl.tensor,
    student_left: tl.tensor,
    student_right: tl.tensor,
    teacher_left_stride: tl.tensor,
    teacher_right_stride: tl.tensor,
    student_left_stride: tl.tensor,
    student_right_stride: tl.tensor,
    cu_seqlens: tl.tensor,
    log_sums: tl.tensor,
    divergences: tl.tensor,
    tokens: tl.tensor,
    blocks: tl.tensor,
    HEADS: tl.constexpr,
    TEACHER_WIDTH: tl.constexpr,
    STUDENT_WIDTH: tl.constexpr,
    TEACHER_CHUNK: tl.constexpr,
    STUDENT_CHUNK: tl.constexpr,
    TEACHER_SCALE: tl.constexpr,
    STUDENT_SCALE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    """Equation 6 for ROWS rows of one head of one sequence: ``Σ_rows KL(teacher ‖ student) / n``. One pass over keys.

    With m the running maximum and ``z = Σ 2^(logit - m)`` of either side (t, s), and
    ``a = Σ 2^(T - m_t) · ((T - m_t) - (S - m_s))``, the divergence of a row is
    ``ln 2 · (a / z_t - log2 z_t + log2 z_s)``. Differences from the maxima, not logits, are summed: where the student
    is like its teacher, nothing large is there to cancel.

    Grid: ``(S · blocks, A)``. Writes ``log_sums`` ``[2, A, T]``, of teacher and student, for the gradient, and
    ``divergences`` ``[A, S · blocks]``, which must hold zeros: a block past the end of its sequence writes nothing.
    """
    DTYPE: tl.constexpr = divergences.dtype.element_ty
    sequence = tl.program_id(0) // blocks
    block = tl.program_id(0) % blocks
    head = tl.program_id(1)
    start = tl.load(cu_seqlens + sequence)
    length = tl.load(cu_seqlens + sequence + 1) - start
    if block * ROWS >= length:
        return
    # The batch may hold more than 2^31 numbers, a sequence never does.
    start = start.to(tl.int64)
    teacher_left += start * teacher_left_stride + head * TEACHER_WIDTH
    teacher_right += start * teacher_right_stride + head * TEACHER_WIDTH
    student_left += start * student_left_stride + head * STUDENT_WIDTH
    student_right += start * student_right_stride + head * STUDENT_WIDTH

    rows = block * ROWS + tl.arange(0, ROWS)
    # Finite in place of -inf: the first rescaling multiplies zeros by differences of these.
    teacher_most = tl.full((ROWS,), -1.0e30, dtype=DTYPE)
    student_most = tl.full((ROWS,), -1.0e30, dtype=DTYPE)
    teacher_sum = tl.full((ROWS,), 0.0, dtype=DTYPE)
    student_sum = tl.full((ROWS,), 0.0, dtype=DTYPE)
    excess = tl.full((ROWS,), 0.0, dtype=DTYPE)
    for first in range(0, length, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        here = (columns < length)[None, :]
        teacher = _logits(
            teacher_left, teacher_right, rows, columns, length, teacher_left_stride, teacher_right_stride,
            TEACHER_WIDTH, TEACHER_CHUNK, TEACHER_SCALE, ROWS, COLUMNS, DTYPE,
        )  # fmt: skip
        student = _logits(
            student_left, student_right, rows, columns, length, student_left_stride, student_right_stride,
            STUDENT_WIDTH, STUDENT_CHUNK, STUDENT_SCALE, ROWS, COLUMNS, DTYPE,
        )  # fmt: skip
        teacher = tl.where(here, teacher, -1.0e30)
        student = tl.where(here, student, -1.0e30)
        teacher_next = tl.maximum(teacher_most, tl.max(teacher, 1))
        student_next = tl.maximum(student_most, tl.max(student, 1))
        teacher_step = teacher_most - teacher_next
        student_step = student_most - student_next
        teacher -= teacher_next[:, None]
        student -= student_next[:, None]
        share = tl.exp2(teacher)
        shrink = tl.exp2(teacher_step)
        excess = shrink * (excess + teacher_sum * (teacher_step - student_step)) + tl.sum(
            share * (teacher - student), 1
        )
        teacher_sum = shrink * teacher_sum + tl.sum(share, 1)
        student_sum = tl.exp2(student_step) * student_sum + tl.sum(tl.exp2(student), 1)
        teacher_most = teacher_next
        student_most = student_next

    teacher_log = tl.log2(teacher_sum)
    student_log = tl.log2(student_sum)
    divergence = (excess / teacher_sum - teacher_log + student_log) * 0.6931471805599453
    inside = rows < length
    tl.store(
        divergences + head.to(tl.int64) * tl.num_programs(0) + tl.program_id(0),
        tl.sum(tl.where(inside, divergence, 0.0), 0) / length,
    )
    log_sums += head.to(tl.int64) * tokens + start
    tl.store(log_sums + rows, teacher_most + teacher_log, mask=inside)
    log_sums += tl.full((), HEADS, tl.int64) * tokens
    tl.store(log_sums + rows, student_most + student_log, mask=inside)


@triton.jit(do_not_specialize=["tokens", "blocks"], do_not_specialize_on_alignment=["left_log_sums", "right_log_sums"])
def gradient_kernel(
    teacher_own: tl.tensor,
    teacher_other: tl.tensor,
    student_own: tl.tensor,
    student_other: tl.tensor,
    teacher_own_stride: tl.tensor,
    teacher_other_stride: tl.tensor,
    student_own_stride: tl.tensor,
    student_other_stride: tl.tensor,
    cu_seqlens: tl.tensor,
    left_log_sums: tl.tensor,
    right_log_sums: tl.tensor,
    left_slope: tl.tensor,
    right_slope: tl.tensor,
    gradient: tl.tensor,
    tokens: tl.tensor,
    blocks: tl.tensor,
    LEFT: tl.constexpr,
    RIGHT: tl.constexpr,
    ADD: tl.constexpr,
    HEADS: tl.constexpr,
    TEACHER_WIDTH: tl.constexpr,
    STUDENT_WIDTH: tl.constexpr,
    TEACHER_CHUNK: tl.constexpr,
    STUDENT_CHUNK: tl.constexpr,
    TEACHER_SCALE: tl.constexpr,
    STUDENT_SCALE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    OUT: tl.constexpr,
    GRADIENT_PRECISION: tl.constexpr,
) -> None:
    """The gradient of ROWS tokens of one head of the projection ``own``, from what it makes with ``other``.

    LEFT: ``own`` is the left side of a relation, its part is ``G · other``; RIGHT: it is the right side, its part is
    ``Gᵀ · other``. Both have the logits ``own · otherᵀ``, so a relation of a projection with itself, or a relation and
    its mirror (qk and kq), are one pass. ``G = slope / n · (R_student - R_teacher)`` is made again from the logits and
    the logarithms of their sums: those of the block's own tokens as left side, those of the others as right side.

    Grid: ``(S · blocks, A, ceil(d / OUT))``; each writes its own part of ``gradient`` ``[T, A · d]``, contiguous, or
    adds to it (ADD). ``log_sums`` ``[2, A, T]`` and the scalar ``slope`` belong to the relation of that side.
    """
    DTYPE: tl.constexpr = left_slope.dtype.element_ty
    sequence = tl.program_id(0) // blocks
    block = tl.program_id(0) % blocks
    head = tl.program_id(1)
    start = tl.load(cu_seqlens + sequence)
    length = tl.load(cu_seqlens + sequence + 1) - start
    if block * ROWS >= length:
        return
    start = start.to(tl.int64)
    teacher_own += start * teacher_own_stride + head * TEACHER_WIDTH
    teacher_other += start * teacher_other_stride + head * TEACHER_WIDTH
    student_own += start * student_own_stride + head * STUDENT_WIDTH
    student_other += start * student_other_stride + head * STUDENT_WIDTH
    of_student = tl.full((), HEADS, tl.int64) * tokens
    left_log_sums += head.to(tl.int64) * tokens + start
    right_log_sums += head.to(tl.int64) * tokens + start

    rows = block * ROWS + tl.arange(0, ROWS)
    across = tl.program_id(2) * OUT + tl.arange(0, OUT)
    inside = rows < length
    if LEFT:
        left_factor = tl.load(left_slope) / length
        left_teacher = tl.load(left_log_sums + rows, mask=inside, other=0.0)[:, None]
        left_student = tl.load(left_log_sums + of_student + rows, mask=inside, other=0.0)[:, None]
    if RIGHT:
        right_factor = tl.load(right_slope) / length
    total = tl.full((ROWS, OUT), 0.0, dtype=DTYPE)
    for first in range(0, length, COLUMNS):
        columns = first + tl.arange(0, COLUMNS)
        here = columns < length
        teacher = _logits(
            teacher_own, teacher_other, rows, columns, length, teacher_own_stride, teacher_other_stride,
            TEACHER_WIDTH, TEACHER_CHUNK, TEACHER_SCALE, ROWS, COLUMNS, DTYPE,
        )  # fmt: skip
        student = _logits(
            student_own, student_other, rows, columns, length, student_own_stride, student_other_stride,
            STUDENT_WIDTH, STUDENT_CHUNK, STUDENT_SCALE, ROWS, COLUMNS, DTYPE,
        )  # fmt: skip
        slope = tl.full((ROWS, COLUMNS), 0.0, dtype=DTYPE)
        if LEFT:
            slope += left_factor * (tl.exp2(student - left_student) - tl.exp2(teacher - left_teacher))
            # Past the end of the sequence a logit is 0, which may lie far above all others of its row.
            slope = tl.where(here[None, :], slope, 0.0)
        if RIGHT:
            right_teacher = tl.load(right_log_sums + columns, mask=here, other=0.0)[None, :]
            right_student = tl.load(right_log_sums + of_student + columns, mask=here, other=0.0)[None, :]
            slope += right_factor * (tl.exp2(student - right_student) - tl.exp2(teacher - right_teacher))
        other = tl.load(
            student_other + columns[:, None] * student_other_stride + across[None, :],
            mask=here[:, None] & (across < STUDENT_WIDTH)[None, :],
            other=0.0,
        )
        if student_other.dtype.element_ty == tl.bfloat16:
            # One bf16 holds 8 bits of the slope, two hold 16, more than the bf16 gradient: two products at full rate.
            coarse = slope.to(tl.bfloat16)
            fine = (slope - coarse.to(DTYPE)).to(tl.bfloat16)
            if INTERPRETED:
                coarse = coarse.to(DTYPE)
                fine = fine.to(DTYPE)
                other = other.to(DTYPE)
            total = tl.dot(coarse, other, total, out_dtype=DTYPE)
            total = tl.dot(fine, other, total, out_dtype=DTYPE)
        else:
            total = tl.dot(slope, other.to(DTYPE), total, input_precision=GRADIENT_PRECISION, out_dtype=DTYPE)

    # STUDENT_SCALE is log2(e) / sqrt(d); the slope of the logits is with respect to those in base e.
    total = total * (STUDENT_SCALE * 0.6931471805599453)
    at = gradient + (start + rows[:, None]) * (HEADS * STUDENT_WIDTH) + head * STUDENT_WIDTH + across[None, :]
    whole = inside[:, None] & (across < STUDENT_WIDTH)[None, :]
    if ADD:
        total += tl.load(at, mask=whole, other=0.0)
    tl.store(at, total, mask=whole)

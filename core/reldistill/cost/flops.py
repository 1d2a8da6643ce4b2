"""Operations that a step cannot do without, however well it is written.

Counted are matrix products, two operations for each multiply-add, of packed sequences (nothing for padding), of the
layers and projections that are looked at, and of no other. Softmax, LayerNorm, GELU, dropout and the optimiser do no
products; what they take shows in the share of the matrix product rate that a step reaches.

Letters: T tokens, S the sum of squared lengths of their sequences, d width, f width of the feed-forward part, l
highest layer, p projections taken of it, D_t and D_s widths of teacher and student, r how far a token sees where there is a
window. T and S may be means, for figures a token. With integers, and no window, all results are exact integers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from reldistill.cost.sizes import EncoderSize, LossSize, StepSize

__all__ = [
    "EncoderFlops",
    "LossFlops",
    "StepFlops",
    "encoder_backward_flops",
    "encoder_forward_flops",
    "loss_flops",
    "pairs_seen",
    "plain_loss_flops",
    "step_flops",
]


@dataclass(frozen=True)
class EncoderFlops:
    """One direction of an encoder, by part. Embeddings are looked up and added: no product in either direction, 0."""

    attention_projections: float
    attention_products: float
    feed_forward: float
    last_projections: float
    embeddings: float = 0

    @property
    def total(self) -> float:
        """All parts."""
        return (
            self.embeddings
            + self.attention_projections
            + self.attention_products
            + self.feed_forward
            + self.last_projections
        )


@dataclass(frozen=True)
class LossFlops:
    """``teacher`` and ``student``: logits; ``backward``: the gradient of the student's projections."""

    teacher: float
    student: float
    backward: float

    @property
    def forward(self) -> float:
        """The logits of both."""
        return self.teacher + self.student

    @property
    def total(self) -> float:
        """Both directions."""
        return self.forward + self.backward


@dataclass(frozen=True)
class StepFlops:
    """A training step, by part."""

    teacher: EncoderFlops
    student_forward: EncoderFlops
    student_backward: EncoderFlops
    loss: LossFlops

    @property
    def total(self) -> float:
        """All parts."""
        return self.teacher.total + self.student_forward.total + self.student_backward.total + self.loss.total


def encoder_forward_flops(size: EncoderSize, tokens: float, squares: float) -> EncoderFlops:
    """``(l - 1) · (8d²T + 4dS + 4dfT) + 2pd²T``.

    Of a whole layer: four maps d → d, scores and values of each sequence by itself, two maps d → f → d. In a gated layer of
    ModernBERT the first of the two is d → 2f. With a window fewer than S pairs of tokens see each other: :func:`pairs_seen`.

    Args:
        size: the encoder.
        tokens: T.
        squares: S, of the same sequences.
    """
    d, f, whole, modern = size.model.hidden_size, size.model.intermediate_size, size.layers - 1, size.model.modern
    reaches = (None,) * whole if modern is None else modern.reaches[:whole]
    return EncoderFlops(
        attention_projections=whole * 8 * d * d * tokens,
        attention_products=4 * d * sum(pairs_seen(tokens, squares, reach) for reach in reaches),
        feed_forward=whole * (4 if modern is None else 6) * d * f * tokens,
        last_projections=2 * size.projections * d * d * tokens,
    )


def pairs_seen(tokens: float, squares: float, reach: int | None) -> float:
    """Pairs of tokens of which one sees the other: S, or with a window ``(2r + 1)·n - r·(r + 1)`` of n > r tokens.

    All sequences are then taken to be of the length S / T: exact where they are alike.
    """
    if reach is None or squares <= reach * tokens:
        return squares
    return tokens * (2 * reach + 1) - reach * (reach + 1) * tokens * tokens / squares


def encoder_backward_flops(size: EncoderSize, tokens: float, squares: float) -> EncoderFlops:
    """Twice the forward pass: each product ``y = x·w`` asks for the gradients of x and of w, as large as itself.

    None can be left out: the input of the first layer has a gradient too, for the embeddings are trained. Nothing is
    counted for computing the attention's scores a second time, as fused kernels do.
    """
    forward = encoder_forward_flops(size, tokens, squares)
    return EncoderFlops(**{part.name: 2 * getattr(forward, part.name) for part in fields(forward)})


def loss_flops(size: LossSize, tokens: float, squares: float) -> LossFlops:
    """Products of equations 7 and 8 and of their gradients, those that are the same counted once.

    A cross relation: ``2·S·D`` for the logits of each model, ``4·S·D_s`` for the gradients of both projections. A
    self relation has symmetric logits, so the half with its diagonal will do, ``(S + T)·D``; and its gradient is one
    product, ``(G + Gᵀ)·x``, ``2·S·D_s``. Where a set holds a relation and its mirror, the logits of one are those of
    the other, and their gradients add up before they are multiplied.

    So all nine relations cost nearly three times qq, kk and vv. A custom relation is taken for a cross relation; what
    it computes is not known.
    """
    alike, crossed = size.self_relations, size.cross_relations

    def logits(width: int) -> float:
        return alike * (squares + tokens) * width + crossed * 2 * squares * width

    return LossFlops(
        teacher=logits(size.teacher_width),
        student=logits(size.student_width),
        backward=(2 * alike + 4 * crossed) * squares * size.student_width,
    )


def plain_loss_flops(teacher_width: int, student_width: int, relations: int, squares: float) -> LossFlops:
    """The same as the formula is written: no use made of symmetry, nothing shared among relations.

    ``2·S·D_t``, ``2·S·D_s`` and ``4·S·D_s`` for each relation: what ``kernel="reference"`` computes.
    """
    each = 2 * relations * squares
    return LossFlops(teacher=each * teacher_width, student=each * student_width, backward=2 * each * student_width)


def step_flops(size: StepSize, tokens: float, squares: float) -> StepFlops:
    """A training step on T tokens in sequences whose squared lengths add up to S."""
    return StepFlops(
        teacher=encoder_forward_flops(size.teacher, tokens, squares),
        student_forward=encoder_forward_flops(size.student, tokens, squares),
        student_backward=encoder_backward_flops(size.student, tokens, squares),
        loss=loss_flops(size.loss, tokens, squares),
    )

"""The order of batches in plain Python, from the words in rust_loader/reldistill-loader/src/permutation.rs."""

MASK_64 = 2**64 - 1
GOLDEN_GAMMA = 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """The finaliser of SplitMix64."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & MASK_64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & MASK_64
    return value ^ (value >> 31)


def permuted(size: int, seed: int, epoch: int, position: int) -> int:
    """Where a position goes: a Feistel network of eight rounds, walked until it lands below `size`."""
    half_bits = max(4, ((size - 1).bit_length() + 1) // 2)
    state = mix((seed + GOLDEN_GAMMA) & MASK_64) ^ epoch
    keys = [mix((mix(state) + (number + 1) * GOLDEN_GAMMA) & MASK_64) for number in range(8)]
    while True:
        left, right = position >> half_bits, position % 2**half_bits
        for key in keys:
            left, right = right, left ^ mix(right ^ key) % 2**half_bits
        position = left << half_bits | right
        if position < size:
            return position


def global_batch(size: int, seed: int, batch_size: int, number: int) -> list[int]:
    """Corpus indices of a global batch, in order of position."""
    positions = range(number * batch_size, (number + 1) * batch_size)
    return [permuted(size, seed, position // size, position % size) for position in positions]


def mixed_batch(parts: list[tuple[int, int]], seed: int, batch_size: int, number: int) -> list[int]:
    """Indices of a global batch of a mixture, of whose corpora the sizes and the quotas of 65,536 are given."""
    block_size = sum(quota for _, quota in parts)
    found = []
    for position in range(number * batch_size, (number + 1) * batch_size):
        block = position // block_size
        draw = permuted(block_size, (seed - GOLDEN_GAMMA) & MASK_64, block, position % block_size)
        first = 0
        for corpus, (size, quota) in enumerate(parts):
            if draw < quota:
                drawn = block * quota + draw
                corpus_seed = (seed + corpus * GOLDEN_GAMMA) & MASK_64
                found.append(first + permuted(size, corpus_seed, drawn // size, drawn % size))
                break
            draw, first = draw - quota, first + size
    return found

"""Random numbers of phantoms: a stream for each use, so that nothing is tested on what it was learnt from."""

from numpy.random import Generator, SeedSequence, default_rng

# What phantoms of each stream are for. Their order makes their numbers: append only.
STREAMS = {
    "training": "what networks and generators learn from, those that ship and those of every study",
    "choices": "what is decided on: rules, thresholds, hyper-parameters",
    "tests": "what is reported on: nothing learns from them and nothing is decided on them",
    "cohort": "what the book, the application and `brats phantom` show as patients",
}
# Each stage has its own random numbers, so that what one stage draws does not shift what the next one gets.
STAGES = (
    "tumour", "head", "growth", "contrast", "distractors", "anatomy", "lesion", "texture", "scan", "infiltration",
    "vessels",
)  # fmt: skip


def generators(seed: int, index: int, stream: str) -> dict[str, Generator]:
    """Random generators of one case, by stage; a ValueError for what is no word of 32 bits or no stream.

    No two streams share one, whatever their seeds: the entropy is the seed and the index, one word of 32 bits each,
    zeros up to four words (numpy pads so before a spawn key), then the stage; between the last two every stream but
    the first has one more word, its number.
    """
    if not (0 <= seed < 2**32 and 0 <= index < 2**32):
        raise ValueError(f"seed {seed} or index {index} is not from 0 to 2**32 - 1")
    number = list(STREAMS).index(stream)
    children = SeedSequence([seed, index], spawn_key=(number,) if number else ()).spawn(len(STAGES))
    return {stage: default_rng(child) for stage, child in zip(STAGES, children, strict=True)}

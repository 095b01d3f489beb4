"""How many pairs a design asks of one judge, which is what its words weigh at most (R5, O2a)."""


def most_pairs(pairs: str, budget: int, candidates: int, answers: int) -> int:
    """Most distinct pairs that the design called `pairs` asks about so many candidates.

    `budget` is the policy's `pair_budget`, `answers` how many different ones the candidates
    have. On a ring each meets its two neighbours and the one opposite, and of an odd number
    each names one floor(n/2) further; both orders of a pair are one pair.
    """
    every = candidates * (candidates - 1) // 2
    match pairs:
        case "ring":
            opposite = candidates if candidates % 2 else candidates // 2
            return min(every, candidates + opposite)
        case "swiss" | "information":
            between = answers * (answers - 1) // 2
            return min(between, budget or (answers // 2) * (answers - 1).bit_length())
        case _:
            return every

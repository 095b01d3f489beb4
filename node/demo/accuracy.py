"""Who was right how often: the rows of the demonstration's last table."""

from dataclasses import dataclass

from reputation.reliability import share


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: `right` of `asked` with the 95 % Wilson interval, all shares."""

    name: str
    right: float
    asked: int

    @property
    def share(self) -> float:
        """The share of right answers; 0 if none was asked for."""
        return self.right / self.asked if self.asked else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of `share`."""
        found = share(self.right, self.asked)
        return found.low, found.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows: each organisation alone, then majority, mean of probabilities, swarm.

    Beside them: `split` is the swarm with its ties counted by their share, `oracle` where any
    organisation was right, which is the most that choosing among their answers can reach.
    """

    alone: tuple[Row, ...]
    majority: Row
    mean: Row
    swarm: Row
    split: Row
    oracle: Row

    @property
    def best(self) -> Row:
        """The organisation with the largest share alone; of equals the first."""
        return max(self.alone, key=lambda row: row.share)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows in the order they are shown."""
        return (*self.alone, self.majority, self.mean, self.swarm)

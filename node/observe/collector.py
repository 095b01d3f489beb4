"""The metrics as Prometheus reads them: made anew for each scrape, in a registry of its own."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from .contract import Source
from .figures import Figures
from .metrics import ALL, Kind, Metric, Samples, Seen
from .requests import Requests

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class NodeCollector(Collector):
    """Reads a node when it is asked, and keeps nothing."""

    def __init__(self, look: Callable[[], Seen]) -> None:
        self._look = look

    def describe(self) -> Iterator[Family]:
        """The names alone, so that registering costs no look."""
        return (_family(metric, ()) for metric in ALL)

    def collect(self) -> Iterator[Family]:
        """Every metric as it is now."""
        seen = self._look()
        return (_family(metric, metric.read(seen)) for metric in ALL)


def _family(metric: Metric, samples: Samples) -> Family:
    labels = tuple(metric.labels)
    if metric.kind is Kind.HISTOGRAM:
        times = HistogramMetricFamily(metric.name, metric.text, labels=labels)
        for values, histogram in samples:
            times.add_metric(values, histogram.cumulative(), histogram.total_ns / 1e9)
        return times
    shape = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    numbers: CounterMetricFamily | GaugeMetricFamily
    numbers = shape(metric.name, metric.text, labels=labels)
    for values, number in samples:
        numbers.add_metric(values, float(number))
    return numbers


class Exposition:
    """What a scrape gets. `requests` is None where there is no front to count at."""

    def __init__(self, source: Source, figures: Figures, requests: Requests | None) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(
            NodeCollector(lambda: Seen(figures=figures, vitals=source.vitals(), requests=requests))
        )
        ProcessCollector(registry=self.registry)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, in the form that `accept` asks for."""
        try:
            encode, kind = choose_encoder(accept)
        except (
            ValueError,
            TypeError,
        ):  # a version that is none: whoever sends it reads the plain form
            encode, kind = choose_encoder("")
        return encode(self.registry), kind

"""Whether the operator wants spans, by the standard variables; loads nothing to find out."""

import os
from collections.abc import Mapping
from typing import Final

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
HTTP: Final = "http/protobuf"


def wanted(environ: Mapping[str, str] = os.environ) -> tuple[bool, str]:
    """Whether spans are to be exported; if the variables ask for what there is not, why not.

    They are if an endpoint is named, or OTEL_TRACES_EXPORTER is `otlp`; OTEL_SDK_DISABLED and an
    exporter of `none` say no. Of OTLP's protocols this one speaks `http/protobuf`.
    """

    def value(name: str) -> str:
        return environ.get(name, "").strip()

    exporter = value("OTEL_TRACES_EXPORTER").casefold()
    asked = any(map(value, ENDPOINTS)) or exporter == "otlp"
    if not (asked or exporter) or exporter == "none":
        return False, ""
    if value("OTEL_SDK_DISABLED").casefold() == "true":
        return False, ""
    if exporter not in ("", "otlp"):
        return False, f"OTEL_TRACES_EXPORTER is {exporter}; this program has otlp"
    protocol = next(filter(None, map(value, PROTOCOLS)), HTTP)
    if protocol != HTTP:
        return False, f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}; this program speaks {HTTP}"
    return True, ""

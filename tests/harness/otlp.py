"""A collector on loopback that takes spans by OTLP over HTTP, as real ones do."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


class Collector:
    """The collector, on a thread of its own. `spans` are plain data. Use as a context."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    data = gzip.decompress(data)
                collector.take(self.path, data)
                body = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def take(self, path: str, data: bytes) -> None:
        """Keep the spans of one request."""
        assert path == "/v1/traces"
        self.raw.append(data)
        for group in ExportTraceServiceRequest.FromString(data).resource_spans:
            resource = {item.key: _plain(item.value) for item in group.resource.attributes}
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        {
                            "trace": span.trace_id.hex(),
                            "id": span.span_id.hex(),
                            "above": span.parent_span_id.hex(),
                            "name": span.name,
                            "kind": span.kind,
                            "began": span.start_time_unix_nano,
                            "ended": span.end_time_unix_nano,
                            "error": span.status.code == span.status.STATUS_CODE_ERROR,
                            "events": [event.name for event in span.events],
                            "resource": resource,
                            **{item.key: _plain(item.value) for item in span.attributes},
                        }
                    )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(30)
        assert not self._thread.is_alive()

import json
import logging

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from observability.context import current_request, request_id
from observability.logs import JsonFormatter
from observability.middleware import RequestLogMiddleware

TRACE = "1-67891233-abcdef012345678912345678"


@pytest.fixture
def lines():
    """What is logged while the test runs, as it would be printed."""
    printed: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            printed.append(self.format(record))

    handler = Collect()
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in printed]
    logging.getLogger().removeHandler(handler)


def test_a_request_leaves_one_line_without_its_query_string(client, lines):
    client.get("/?token=hunter2", headers={"X-Amzn-Trace-Id": f"Self=1-2-3;Root={TRACE}"})
    (line,) = lines()
    assert line["logger"] == "request"
    assert line["level"] == "INFO"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/", 200)
    assert line["request_id"] == TRACE
    assert line["duration_ms"] >= 0
    assert "hunter2" not in json.dumps(line)


def test_health_checks_leave_none(client, lines):
    client.get("/healthz/live")
    assert lines() == []


def test_an_exception_leaves_its_traceback_and_a_500_under_the_same_id(client, lines, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("deliberate")

    monkeypatch.setattr("links.views.render", fail)
    client.raise_request_exception = False
    assert client.get("/", headers={"X-Request-Id": "req-7"}).status_code == 500
    error, answered = lines()
    assert error["logger"] == "django.request"
    assert "RuntimeError: deliberate" in error["traceback"]
    assert (answered["level"], answered["status"]) == ("ERROR", 500)
    assert error["request_id"] == answered["request_id"] == "req-7"


def test_a_line_outside_of_a_request_names_none(lines):
    logging.getLogger("elsewhere").warning("a\nb %s", "c")
    (line,) = lines()
    assert line["message"] == "a\nb c"
    assert "request_id" not in line
    assert current_request.get() is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Amzn-Trace-Id": f"Root={TRACE}"}, TRACE),
        ({"X-Amzn-Trace-Id": f"Root={TRACE}", "X-Request-Id": "req-7"}, TRACE),
        ({"X-Amzn-Trace-Id": "Self=1-2-3", "X-Request-Id": "req-7"}, "req-7"),
    ],
)
def test_the_id_is_the_load_balancers_then_the_proxys(headers, expected):
    assert request_id(RequestFactory().get("/", headers=headers)) == expected


@pytest.mark.parametrize("forged", ["", 'x" y', "a" * 129, "a\tb", "ü"])
def test_an_id_that_could_forge_a_line_is_replaced(forged):
    fresh = request_id(RequestFactory().get("/", headers={"X-Request-Id": forged}))
    assert fresh != forged
    assert len(fresh) == 32


def test_the_id_is_returned_unless_a_cache_would_repeat_it():
    def answer(cache_control):
        view = RequestLogMiddleware(lambda request: HttpResponse(headers={"Cache-Control": cache_control}))
        return view(RequestFactory().get("/", headers={"X-Request-Id": "req-7"}))

    assert answer("no-store")["X-Request-Id"] == "req-7"
    assert "X-Request-Id" not in answer("public, max-age=1")

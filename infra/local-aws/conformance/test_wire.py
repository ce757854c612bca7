"""Requests that no client of AWS's would send: every one is answered with an error of AWS's, and changes nothing."""

from __future__ import annotations

import json
import socket

import pytest

from judge import Judge, operation
from emulator import SIGNED, Emulator

ECS = "AmazonEC2ContainerServiceV20141113"
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
# Twice what the largest call of a deploy, a layer part (20 MiB), could need.
HUGE = 64 * 1024 * 1024


class Raw:
    """Sends bytes, and has the answer judged."""

    def __init__(self, emulator: Emulator, judge: Judge) -> None:
        self.emulator, self.judge = emulator, judge

    def json(self, action: str, body: bytes | str, prefix: str = ECS, **headers: str) -> tuple[int, str]:
        sent = {"x-amz-target": f"{prefix}.{action}", "content-type": JSON} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }
        status, received, answer = self.emulator.send("POST", "/", {k: v for k, v in sent.items() if v}, body)
        self.judge.judge(operation("ecs", action), status, received, answer)
        document = json.loads(answer)
        return status, document.get("__type", "").rsplit("#", 1)[-1]

    def form(self, body: str, service: str = "elasticloadbalancing") -> tuple[int, str]:
        sent = {"content-type": FORM, "authorization": SIGNED.format(service=service)}
        status, received, answer = self.emulator.send("POST", "/", sent, body)
        self.judge.judge(operation("elbv2", "DescribeTargetGroups"), status, received, answer)
        return status, answer.decode().partition("<Code>")[2].partition("</Code>")[0]


@pytest.fixture
def raw(emulator: Emulator, judge: Judge) -> Raw:
    return Raw(emulator, judge)


@pytest.mark.parametrize("body", ["{", "", "[]", '"text"', "null", '{"a":1}}', b"\xff\xfe", "[" * 100_000])
def test_a_body_that_is_no_document(raw: Raw, body: bytes | str) -> None:
    assert raw.json("DescribeServices", body) == (400, "SerializationException")


@pytest.mark.parametrize(
    ("action", "document"),
    [
        ("ListClusters", {"maxResults": "ten"}),
        ("DescribeServices", {"services": "web"}),
        ("DescribeServices", {"services": [1]}),
        ("CreateService", {"serviceName": "web", "taskDefinition": "web", "desiredCount": "1"}),
        ("CreateService", {"serviceName": {"name": "web"}, "taskDefinition": "web"}),
        ("RegisterTaskDefinition", {"family": "f", "containerDefinitions": {"name": "web"}}),
    ],
)
def test_a_member_of_the_wrong_type(raw: Raw, action: str, document: object) -> None:
    status, code = raw.json(action, json.dumps(document))
    assert (status, code) in [
        (400, "SerializationException"),
        (400, "ClientException"),
        (400, "InvalidParameterException"),
    ]


@pytest.mark.parametrize("target", [f"{ECS}.MakeCoffee", "Coffee_20260101.MakeCoffee", "MakeCoffee", "", "...."])
def test_unknown_action(emulator: Emulator, judge: Judge, target: str) -> None:
    headers = {"x-amz-target": target, "content-type": JSON}
    status, received, answer = emulator.send("POST", "/", headers, "{}")
    judge.judge(operation("ecs", "ListClusters"), status, received, answer)
    assert (status, json.loads(answer)["__type"]) == (400, "UnknownOperationException")


def test_an_action_that_the_emulator_leaves_out(raw: Raw) -> None:
    assert raw.json("CreateCapacityProvider", "{}") == (400, "UnsupportedFeatureException")


def test_a_query_without_a_known_action(raw: Raw) -> None:
    assert raw.form("Action=MakeCoffee&Version=2015-12-01") == (400, "InvalidAction")
    assert raw.form("Version=2015-12-01")[0] == 400
    assert raw.form("%%%=&&&")[0] == 400


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "Bearer abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101",
    ],
)
def test_a_signature_without_its_form(raw: Raw, signature: str) -> None:
    status, code = raw.json("ListClusters", "{}", authorization=signature or " ")
    assert status in (400, 403)
    assert code in (
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    )


def test_a_body_that_is_too_large(emulator: Emulator) -> None:
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=60) as connection:
        head = f"POST / HTTP/1.1\r\nhost: {emulator.registry}\r\nauthorization: {SIGNED.format(service='ecs')}\r\n"
        head += f"x-amz-target: {ECS}.ListClusters\r\ncontent-type: {JSON}\r\ncontent-length: {HUGE}\r\n\r\n"
        connection.sendall(head.encode() + b'{"a":"')
        # Refused by its length, or while it comes: the daemon never takes all of it.
        try:
            for _ in range(HUGE // 65536 - 1):
                connection.sendall(b"a" * 65536)
        except OSError:
            pass
        try:
            answer = connection.recv(65536)
        except OSError:
            answer = b""
    assert answer == b"" or answer.split()[1] in (b"400", b"413"), answer
    assert emulator.local("GET", "status")[0] == 200


@pytest.mark.parametrize("header", [{"host": "attacker.example"}, {"origin": "http://attacker.example"}])
def test_a_page_in_a_browser_is_not_answered(emulator: Emulator, header: dict[str, str]) -> None:
    status, _, answer = emulator.send("POST", "/", header | {"x-amz-target": f"{ECS}.ListClusters"}, "{}")
    assert (status, json.loads(answer)["__type"]) == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    "request_line", ["GET / HTTP/1.1", "PUT / HTTP/1.1", "POST /other HTTP/1.1", "GET /_local/none HTTP/1.1"]
)
def test_other_requests_are_refused(emulator: Emulator, request_line: str) -> None:
    method, path, _ = request_line.split()
    assert 400 <= emulator.send(method, path, {}, None)[0] < 500


def test_idle_connection_is_harmless(emulator: Emulator) -> None:
    silent = [socket.create_connection(("127.0.0.1", emulator.port)) for _ in range(50)]
    garbage = socket.create_connection(("127.0.0.1", emulator.port))
    garbage.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert emulator.local("GET", "status")[0] == 200
    for connection in [*silent, garbage]:
        connection.close()
    assert emulator.is_running()

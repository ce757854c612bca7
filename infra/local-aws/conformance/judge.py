"""Listens to AWS clients of this process (boto3) or of another one (the AWS CLI loads this as a plugin), judges every
answer that comes in, and keeps the score."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import botocore.session

from models import complaints

# Where the CLI's processes write what they have heard, one JSON line an answer.
RECORD = "CONFORMANCE_RECORD"


class Judge:
    """What was heard, and what is wrong with it."""

    def __init__(self) -> None:
        self.heard: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.complaints: list[str] = []

    def listen(self, events: Any) -> None:
        """Attaches to the events of a botocore session."""
        events.register("before-call", _remember_the_model)
        events.register("response-received", self._received)

    def _received(self, response_dict: dict[str, Any] | None, context: dict[str, Any], **_: Any) -> None:
        if response_dict is not None:
            status, headers = response_dict["status_code"], dict(response_dict["headers"])
            self.judge(context["judge"], status, headers, response_dict["body"])

    def judge(self, operation: Any, status: int, headers: dict[str, str], body: bytes) -> None:
        """Judges one answer."""
        outcome = "answered" if status < 300 else _code(headers, body)
        self.note(
            operation.service_model.service_name, operation.name, outcome, complaints(operation, status, headers, body)
        )

    def note(self, service: str, operation: str, outcome: str, found: list[str]) -> None:
        """Keeps the score."""
        self.heard[service, operation].append(outcome)
        self.complaints += found

    def read(self, record: Path) -> None:
        """Takes over what processes of the CLI have heard."""
        for line in record.read_text().splitlines():
            self.note(*json.loads(line))
        record.write_text("")


class _Writer(Judge):
    """The judge inside a process of the CLI."""

    def note(self, service: str, operation: str, outcome: str, found: list[str]) -> None:
        with Path(os.environ[RECORD]).open("a", encoding="utf-8") as record:
            record.write(json.dumps([service, operation, outcome, found]) + "\n")


def awscli_initialize(events: Any) -> None:
    """What the AWS CLI calls a plugin with."""
    _Writer().listen(events)


def operation(service: str, name: str) -> Any:
    """A model by its names, for answers that no client has requested."""
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def _remember_the_model(model: Any, context: dict[str, Any], **_: Any) -> None:
    context["judge"] = model


def _code(headers: dict[str, str], body: bytes) -> str:
    text = body.decode(errors="replace")
    if text.startswith("<"):
        return text.partition("<Code>")[2].partition("</Code>")[0] or "?"
    try:
        # REST-JSON has the code in a header.
        header = {name.lower(): value for name, value in headers.items()}.get("x-amzn-errortype", "?")
        return str(json.loads(text).get("__type", header)).rsplit("#", 1)[-1]
    except (ValueError, AttributeError):
        return "?"

"""AWS's own clients as users have them: boto3 in this process, the AWS CLI in one of its own. A judge listens
to both."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from docker_cli import Docker
from judge import RECORD, Judge
from emulator import Emulator

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "local"}
SERVICES = ("ecr", "ecs", "elbv2", "logs", "scheduler", "ssm", "sts")


class Aws:
    """boto3 clients of one endpoint: `aws.ecs.list_clusters()`."""

    def __init__(self, endpoint: str, region: str, judge: Judge | None) -> None:
        self.endpoint = endpoint
        session = botocore.session.get_session()
        session.set_credentials(*KEYS.values())
        if judge is not None:
            judge.listen(session.get_component("event_emitter"))
        self.session = boto3.Session(botocore_session=session, region_name=region)
        for service in SERVICES:
            setattr(self, service, self.client(service))

    def client(self, service: str, attempts: int = 1, **options: Any) -> Any:
        """A client that tries `attempts` times."""
        retries = {"mode": "standard", "total_max_attempts": attempts}
        config = Config(retries=retries, proxies={}, connect_timeout=10, read_timeout=60, **options)
        return self.session.client(service, endpoint_url=self.endpoint, config=config)

    def unchecked(self, service: str) -> Any:
        """A client that sends what it is given, however wrong."""
        return self.client(service, parameter_validation=False)


class Cli:
    """The `aws` command: `cli("ecs", "list-clusters")`."""

    def __init__(self, endpoint: str, region: str, judge: Judge, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.record = folder / "heard"
        self.record.touch()
        self.judge = judge
        config = folder / "config"
        # The user's command, unchanged; the plugin only listens.
        config.write_text("[default]\noutput = json\n[plugins]\njudge = judge\n")
        # The programs of the suite's own environment lie beside its Python.
        self.path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = (
            inherited
            | KEYS
            | {
                "PATH": self.path,
                "AWS_CONFIG_FILE": str(config),
                "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_DEFAULT_REGION": region,
                "AWS_EC2_METADATA_DISABLED": "true",
                "AWS_PAGER": "",
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
                "PYTHONPATH": str(Path(__file__).parent),
                RECORD: str(self.record),
            }
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command, where an error is expected."""
        finished = subprocess.run(
            ["aws", *arguments], env=self.environment, capture_output=True, text=True, timeout=180
        )
        self.judge.read(self.record)
        return finished

    def text(self, *arguments: str) -> str:
        """What a command prints."""
        finished = self.run(*arguments)
        assert finished.returncode == 0, f"aws {' '.join(arguments)}: {finished.returncode}: {finished.stderr}"
        return finished.stdout

    def __call__(self, *arguments: str) -> Any:
        printed = self.text(*arguments)
        return json.loads(printed) if printed.strip() else None


def log_in(aws: Aws, docker: Docker, emulator: Emulator) -> None:
    """`docker login` with a fresh token, as every tool does it that is not the AWS CLI."""
    token = aws.ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    docker("login", "--username", user, "--password-stdin", emulator.registry, given=password.encode())


@contextlib.contextmanager
def refused(code: str, message: str = "") -> Iterator[None]:
    """The block's call must be refused with this code, and with these words in the sentence."""
    try:
        yield
    except ClientError as error:
        said = error.response["Error"]
        assert (said["Code"], message in said["Message"]) == (code, True), said
        return
    raise AssertionError(f"not refused with {code}")

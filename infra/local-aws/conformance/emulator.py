"""The daemon as a process: started as `cargo xtask local start` does it, ended by its number, swept up behind."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import docker_cli
from retry import until

REGION = "eu-central-1"
ACCOUNT = "123456789012"
CLUSTER = "slipway"
GROUP = "/slipway/tests"
# What the front of the tests' tasks answers.
HEALTH = "/cgi-bin/page"
# The emulator looks at the form of a signature only.
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-central-1/{service}/aws4_request, "
    "SignedHeaders=host, Signature=" + "0" * 64
)
# Below the range that the kernel takes for outgoing connections, so that a port is still free after a restart.
PORTS = range(20000, 32000)


def variable(name: str) -> str:
    """What the caller has to say. A suite that skips itself proves nothing."""
    value = os.environ.get(name)
    assert value, f"{name} is not set; `cargo xtask test` sets it"
    return value


def free_port() -> int:
    """A port without a listener."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


class Emulator:
    """One daemon with a state of its own."""

    def __init__(self, engine: str | None = None, seed: dict[str, Any] | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="local-aws-"))
        self.state = self.folder / "state"
        self.engine = engine or variable("SLIPWAY_TEST_ENGINE")
        self.port = free_port()
        self.balancer = f"127.0.0.1:{free_port()}"
        self.seed = self.folder / "seed.json"
        self.seed.write_text(json.dumps(self.default_seed() | (seed or {})))
        self.log = self.folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None

    def default_seed(self) -> dict[str, Any]:
        """What is there at the start."""
        return {
            "clusters": [CLUSTER],
            "repositories": ["slipway/seeded"],
            "loadBalancers": [
                {
                    "name": "slipway-tests",
                    "listen": self.balancer,
                    "targetPort": 8080,
                    "healthCheckPath": HEALTH,
                    "healthCheckIntervalSeconds": 1,
                    "healthyThreshold": 2,
                    "unhealthyThreshold": 2,
                    "deregistrationDelaySeconds": 5,
                }
            ],
            "roles": ["slipway-execution", "slipway-task"],
            "logGroups": [GROUP],
            "fileSystems": ["fs-00000001"],
            "parameters": {"/slipway/tests/COLOUR": "teal"},
            "randomParameters": ["/slipway/tests/SECRET_KEY"],
        }

    @property
    def registry(self) -> str:
        """Host and port, the first part of image references."""
        return f"127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """What AWS clients are given."""
        return f"http://{self.registry}"

    def start(self) -> Emulator:
        """Starts it and waits until it answers."""
        command = [variable("SLIPWAY_LOCAL_AWS"), "serve", "--endpoint", self.registry, "--region", REGION]
        command += ["--state", str(self.state), "--engine", self.engine, "--seed", str(self.seed)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the daemon answers", self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the daemon ended with {self.process.returncode}:\n{self.said()}"
        try:
            return self.local("GET", "status")[0] == 200
        except OSError:
            return False

    def said(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """`kill -9`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def remove(self) -> None:
        """Ends it, removes what it has made, and sees that nothing is left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()
        # The engine of the tests, even where this daemon was given another one.
        engine = variable("SLIPWAY_TEST_ENGINE")
        sweep = [variable("SLIPWAY_LOCAL_AWS"), "sweep", "--state", str(self.state), "--engine", engine]
        subprocess.run(sweep, check=True, timeout=120)
        left = self.leftovers()
        assert not left, f"left in the engine after a sweep: {left}"
        shutil.rmtree(self.folder)

    def label(self) -> str:
        """What tells the things of this daemon from everybody else's, as `local-aws` derives it."""
        return "slipway.local=" + hashlib.sha256(str(self.state).encode()).hexdigest()[:12]

    def leftovers(self) -> list[str]:
        """Containers, networks and volumes of this daemon."""
        docker = docker_cli.Docker(variable("SLIPWAY_TEST_ENGINE"))
        found: list[str] = []
        for what in (["ps", "--all"], ["network", "ls"], ["volume", "ls"]):
            found += docker(*what, "--quiet", "--filter", f"label={self.label()}").split()
        return found

    def containers(self) -> set[str]:
        """Ids of its running containers."""
        filters = ["--filter", f"label={self.label()}"]
        return set(docker_cli.Docker(variable("SLIPWAY_TEST_ENGINE"))("ps", "--no-trunc", "--quiet", *filters).split())

    def local(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Asks one of the daemon's own routes, which are not AWS's."""
        text = None if body is None else json.dumps(body)
        status, _, answer = self.send(method, f"/_local/{path}", {"content-type": "application/json"}, text)
        return status, answer

    def send(
        self, method: str, path: str, headers: dict[str, str], body: bytes | str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request as it is, past every client's own checks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {"authorization": SIGNED.format(service="ecs")} | headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

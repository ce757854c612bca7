"""Faults on request, as AWS's own clients and docker meet them: what a deploy must be able to rehearse."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError

from clients import Aws, refused
from definitions import NETWORK, container, task
from docker_cli import Docker
from retry import until
from emulator import CLUSTER, Emulator


class Faults:
    """Asks the daemon for faults."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def add(self, kind: str, **rule: Any) -> None:
        status, answer = self.emulator.local("POST", "faults", {"kind": kind, **rule})
        assert status == 200, (kind, rule, status, answer)

    def clear(self) -> None:
        assert self.emulator.local("DELETE", "faults")[0] == 200


@pytest.fixture
def faults(emulator: Emulator) -> Iterator[Faults]:
    faults = Faults(emulator)
    yield faults
    faults.clear()


@pytest.fixture
def reference(aws: Aws, docker: Docker, image: str, login: Callable[[], None], emulator: Emulator) -> Iterator[str]:
    """The small image under a name in a repository of its own."""
    login()
    aws.ecr.create_repository(repositoryName="faults/app")
    name = f"{emulator.registry}/faults/app:one"
    docker("tag", image, name)
    yield name
    docker("image", "rm", "--force", name)
    aws.ecr.delete_repository(repositoryName="faults/app", force=True)


def test_a_throttled_call_is_retried_by_botocore(aws: Aws, faults: Faults) -> None:
    faults.add("throttle", service="ecs", action="ListClusters", times=2)
    answer = aws.client("ecs", attempts=3).list_clusters()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    faults.add("throttle", service="ecs", action="ListClusters")
    with refused("ThrottlingException", "Rate exceeded"):
        aws.ecs.list_clusters()


def test_a_query_is_throttled_in_its_own_words(aws: Aws, faults: Faults) -> None:
    faults.add("throttle", service="elasticloadbalancing")
    with refused("Throttling", "Rate exceeded"):
        aws.elbv2.describe_target_groups()


def test_the_nth_call_fails_and_the_next_one_does_not(aws: Aws, faults: Faults) -> None:
    faults.add(
        "fail", service="ecs", action="ListClusters", nth=2, code="ServerException", status=500, message="no luck"
    )
    assert aws.ecs.list_clusters()["clusterArns"]
    assert aws.ecs.describe_clusters()["clusters"] is not None
    with refused("ServerException", "no luck"):
        aws.ecs.list_clusters()
    assert aws.ecs.list_clusters()["clusterArns"]


def test_an_answer_is_late(aws: Aws, faults: Faults) -> None:
    faults.add("delay", service="sts", milliseconds=1500)
    begun = time.monotonic()
    aws.sts.get_caller_identity()
    assert time.monotonic() - begun >= 1.5


def test_a_call_is_dropped_before_it_is_done(aws: Aws, faults: Faults) -> None:
    faults.add("drop", service="ssm", action="PutParameter")
    with pytest.raises((ConnectionClosedError, HTTPClientError)):
        aws.ssm.put_parameter(Name="/faults/dropped", Value="v", Type="String")
    with refused("ParameterNotFound"):
        aws.ssm.get_parameter(Name="/faults/dropped")


def test_an_answer_is_lost_after_all_was_done(aws: Aws, faults: Faults) -> None:
    # Why a lock taken by PutParameter has to look at who holds it: the retry finds what the first try has made.
    faults.add("lose-answer", service="ssm", action="PutParameter")
    with pytest.raises(ClientError) as refusal:
        aws.client("ssm", attempts=3).put_parameter(Name="/faults/lost", Value="v", Type="String")
    assert refusal.value.response["Error"]["Code"] == "ParameterAlreadyExists"
    assert aws.ssm.get_parameter(Name="/faults/lost")["Parameter"]["Value"] == "v"


def test_an_upload_that_is_dropped_on_the_way(aws: Aws, docker: Docker, faults: Faults, reference: str) -> None:
    faults.add("drop", operation="PUT upload", bytes=100)
    assert docker.run("push", reference).returncode != 0
    assert aws.ecr.describe_images(repositoryName="faults/app")["imageDetails"] == []
    docker("push", reference)
    (details,) = aws.ecr.describe_images(repositoryName="faults/app")["imageDetails"]
    assert details["imageTags"] == ["one"]


def test_a_push_that_always_breaks_leaves_no_image(aws: Aws, docker: Docker, faults: Faults, reference: str) -> None:
    faults.add("fail", operation="PUT manifest", code="UNAVAILABLE", status=503, times=1000)
    assert docker.run("push", reference).returncode != 0
    assert aws.ecr.describe_images(repositoryName="faults/app")["imageDetails"] == []
    faults.clear()
    docker("push", reference)


def test_a_token_expires(docker: Docker, faults: Faults, reference: str, login: Callable[[], None]) -> None:
    faults.add("expire-tokens")
    finished = docker.run("push", reference)
    said = (finished.stdout + finished.stderr).decode()
    # The sentence of ECR is in a body, which an answer to HEAD does not have.
    assert (finished.returncode != 0, "403 Forbidden" in said or "has expired" in said) == (True, True), said
    login()
    docker("push", reference)


def test_a_task_is_killed(aws: Aws, faults: Faults, seeded: str) -> None:
    aws.ecs.register_task_definition(**task("faults", container("sleeper", seeded, "sleep 300")))
    run = {"cluster": CLUSTER, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    arn = aws.ecs.run_task(**run, taskDefinition="faults")["tasks"][0]["taskArn"]

    def seen(status: str) -> list[dict[str, Any]]:
        tasks = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"]
        return [found for found in tasks if found["lastStatus"] == status]

    until("the task runs", lambda: seen("RUNNING"))
    faults.add("kill", task=arn)
    (stopped,) = until("the task has ended", lambda: seen("STOPPED"))
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 137)
    assert stopped["stoppedReason"] == "Essential container in task exited"


@pytest.mark.parametrize(
    "rule", [{}, {"kind": "throttle"}, {"kind": "moon", "service": "ecs"}, {"kind": "delay", "service": "ecs"}]
)
def test_a_fault_that_makes_no_sense_is_refused(emulator: Emulator, rule: dict[str, Any]) -> None:
    status, answer = emulator.local("POST", "faults", rule)
    assert 400 <= status < 500, (status, answer)
    assert json.loads(emulator.local("GET", "faults")[1]) == {"faults": []}

"""The daemon ends without warning, or never finds its engine: acknowledged changes are kept, and answers stay true."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients import Aws, log_in
from definitions import NETWORK, container, service, task, web
from docker_cli import Docker
from retry import until
from judge import Judge
from emulator import CLUSTER, REGION, Emulator, variable
from traffic import Traffic, get


@pytest.fixture(scope="module")
def own(make_emulator: Callable[..., Emulator]) -> Emulator:
    """A daemon that may be killed."""
    return make_emulator().start()


@pytest.fixture(scope="module")
def own_aws(own: Emulator, judge: Judge) -> Aws:
    return Aws(own.endpoint, REGION, judge)


@pytest.fixture(scope="module")
def pushed(own: Emulator, own_aws: Aws, docker: Docker, image: str) -> Iterator[str]:
    log_in(own_aws, docker, own)
    reference = f"{own.registry}/slipway/seeded:one"
    docker("tag", image, reference)
    docker("push", reference)
    yield reference
    docker("image", "rm", "--force", reference)


def describe(aws: Aws) -> dict[str, Any]:
    return aws.ecs.describe_services(cluster=CLUSTER, services=["web"])["services"][0]


def is_stable(aws: Aws) -> bool:
    found = describe(aws)
    return len(found["deployments"]) == 1 and found["runningCount"] == found["desiredCount"]


def serves(emulator: Emulator) -> bool:
    """A balancer that has just begun may not listen yet."""
    try:
        return get(emulator.balancer)[0] == 200
    except OSError:
        return False


def runtime_ids(aws: Aws, revision: str) -> dict[str, str]:
    """Task and container → id in the engine, of running tasks of a revision."""
    arns = aws.ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
    tasks = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"] if arns else []
    running = [task for task in tasks if task["taskDefinitionArn"] == revision and task["lastStatus"] == "RUNNING"]
    return {f"{task['taskArn']} {part['name']}": part["runtimeId"] for task in running for part in task["containers"]}


def test_a_deployment_survives_kill_9(own: Emulator, own_aws: Aws, pushed: str) -> None:
    group = own_aws.elbv2.describe_target_groups(Names=["slipway-tests"])["TargetGroups"][0]["TargetGroupArn"]
    first = own_aws.ecs.register_task_definition(**web(pushed, "one", "web"))["taskDefinition"]["taskDefinitionArn"]
    second = own_aws.ecs.register_task_definition(**web(pushed, "two", "web"))["taskDefinition"]["taskDefinitionArn"]
    own_aws.ecs.create_service(cluster=CLUSTER, serviceName="web", taskDefinition=first, **service(group))
    until("the first revision runs", lambda: is_stable(own_aws))
    until("it serves", lambda: get(own.balancer) == (200, "one"))
    before = runtime_ids(own_aws, first)
    assert len(before) == 4

    own_aws.ecs.update_service(cluster=CLUSTER, service="web", taskDefinition=second)

    def is_under_way() -> bool:
        arns = own_aws.ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
        return len(arns) > 2

    until("tasks of the second revision are being started", is_under_way, pause=0.02)
    running = own.containers()
    own.kill()
    # It was in the middle of it, by its own account, and the containers do not depend on it.
    assert '"IN_PROGRESS"' in (own.state / "state.json").read_text()
    assert own.containers() >= running
    own.start()
    until("requests go on", lambda: serves(own))
    with Traffic(own.balancer) as traffic:
        adopted = runtime_ids(own_aws, first)
        assert adopted.items() <= before.items()
        until("the deployment completes", lambda: is_stable(own_aws))
        until("the second revision serves alone", lambda: {get(own.balancer)[1] for _ in range(6)} == {"two"})
    assert set(traffic.pages) <= {"one", "two"}
    assert traffic.verdict() == ""
    (deployment,) = describe(own_aws)["deployments"]
    assert (deployment["taskDefinition"], deployment["rolloutState"]) == (second, "COMPLETED")
    # Two tasks of two containers each, and what holds their networks: nothing of the first revision is left.
    tasks = own_aws.ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]
    assert len(tasks) == 2
    until("what was replaced is gone from the engine", lambda: len(own.containers()) <= 6)


def test_tasks_are_adopted_when_nothing_is_under_way(own: Emulator, own_aws: Aws) -> None:
    revision = describe(own_aws)["taskDefinition"]
    before = runtime_ids(own_aws, revision)
    containers = own.containers()
    assert len(before) == 4
    own.kill()
    own.start()
    assert runtime_ids(own_aws, revision) == before
    until("it serves", lambda: serves(own))
    assert own.containers() == containers
    assert is_stable(own_aws)


def test_the_engine_is_not_there(make_emulator: Callable[..., Emulator], judge: Judge, tmp_path: Path) -> None:
    lost = make_emulator(engine=f"unix://{tmp_path}/none.sock").start()
    aws = Aws(lost.endpoint, REGION, judge)
    assert aws.sts.get_caller_identity()["Account"]
    revision = aws.ecs.register_task_definition(**web("none", "one", "web"))["taskDefinition"]["taskDefinitionArn"]
    run = {"cluster": CLUSTER, "taskDefinition": revision, "launchType": "FARGATE", "networkConfiguration": NETWORK}
    task = aws.ecs.run_task(**run)["tasks"][0]["taskArn"]
    # Long enough for the runner to have tried several times.
    for _ in range(50):
        (found,) = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"]
        assert found["lastStatus"] in ("PROVISIONING", "PENDING")
        time.sleep(0.1)
    lost.kill()
    lost.start()
    (found,) = aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[task])["tasks"]
    assert found["lastStatus"] in ("PROVISIONING", "PENDING")
    assert lost.is_running()


def test_the_engine_goes_and_comes_back(
    make_emulator: Callable[..., Emulator], judge: Judge, docker: Docker, image: str, tmp_path: Path
) -> None:
    socket = tmp_path / "engine.sock"
    real = variable("SLIPWAY_TEST_ENGINE").removeprefix("unix://")
    socket.symlink_to(real)
    lost = make_emulator(engine=f"unix://{socket}").start()
    aws = Aws(lost.endpoint, REGION, judge)
    reference = f"{lost.registry}/slipway/seeded:one"
    log_in(aws, docker, lost)
    docker("tag", image, reference)
    docker("push", reference)
    docker("image", "rm", "--force", reference)
    aws.ecs.register_task_definition(**task("gone", container("sleeper", reference, "sleep 300")))
    run = {"cluster": CLUSTER, "taskDefinition": "gone", "launchType": "FARGATE", "networkConfiguration": NETWORK}
    first = aws.ecs.run_task(**run)["tasks"][0]["taskArn"]

    def status(arn: str) -> str:
        return aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[arn])["tasks"][0]["lastStatus"]

    until("the first task runs", lambda: status(first) == "RUNNING")
    socket.unlink()
    second = aws.ecs.run_task(**run)["tasks"][0]["taskArn"]
    for _ in range(30):
        # What cannot be seen has not ended.
        assert (status(first), status(second) == "STOPPED") == ("RUNNING", False)
        time.sleep(0.1)
    socket.symlink_to(real)
    until("the second task runs", lambda: status(second) == "RUNNING")
    assert status(first) == "RUNNING"

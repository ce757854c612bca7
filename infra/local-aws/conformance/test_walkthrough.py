"""What AWS's documentation has its readers type, in its order, with real containers: the AWS CLI and docker, nothing
else. Each test goes on where the one before it ended."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from clients import Aws, Cli
from definitions import CRASH, NETWORK, container, service, task, web
from docker_cli import Docker
from retry import until
from emulator import CLUSTER, GROUP, Emulator
from traffic import Traffic, get

REPOSITORY = "walk/app"
NAME = "walk"


class Walk:
    """What the steps share."""

    def __init__(self, emulator: Emulator, cli: Cli, docker: Docker, aws: Aws) -> None:
        self.emulator, self.cli, self.docker, self.aws = emulator, cli, docker, aws
        self.image = f"{emulator.registry}/{REPOSITORY}"
        self.revisions: list[str] = []

    def register(self, definition: dict[str, Any]) -> str:
        arn = self.cli("ecs", "register-task-definition", "--cli-input-json", json.dumps(definition))["taskDefinition"]
        return arn["taskDefinitionArn"]

    def describe(self) -> dict[str, Any]:
        """The service, by boto3: the CLI takes a second of CPU for each look."""
        return self.aws.ecs.describe_services(cluster=CLUSTER, services=[NAME])["services"][0]

    def is_stable(self) -> bool:
        found = self.describe()
        return len(found["deployments"]) == 1 and found["runningCount"] == found["desiredCount"]

    def update(self, revision: str) -> None:
        self.cli("ecs", "update-service", "--cluster", CLUSTER, "--service", NAME, "--task-definition", revision)

    def page(self) -> tuple[int, str]:
        return get(self.emulator.balancer)


@pytest.fixture(scope="module")
def walk(emulator: Emulator, cli: Cli, docker: Docker, aws: Aws) -> Iterator[Walk]:
    walk = Walk(emulator, cli, docker, aws)
    yield walk
    docker.run("logout", emulator.registry)
    docker.run("image", "rm", "--force", f"{emulator.registry}/{REPOSITORY}:one")


def test_an_image_is_pushed(walk: Walk, image: str) -> None:
    made = walk.cli("ecr", "create-repository", "--repository-name", REPOSITORY)["repository"]
    assert made["repositoryUri"] == walk.image
    login = 'aws ecr get-login-password | "$0" login --username AWS --password-stdin "$1"'
    docker = {name: value for name, value in walk.docker.environment.items() if name.startswith("DOCKER")}
    environment = walk.cli.environment | docker
    command = ["/bin/sh", "-c", login, walk.docker.program, walk.emulator.registry]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (said.returncode, "Login Succeeded" in said.stdout) == (0, True), said
    walk.docker("tag", image, f"{walk.image}:one")
    walk.docker("push", f"{walk.image}:one")
    (pushed,) = walk.cli("ecr", "describe-images", "--repository-name", REPOSITORY)["imageDetails"]
    assert pushed["imageTags"] == ["one"]
    # From here on by digest, as Slipway does it.
    walk.image = f"{walk.image}@{pushed['imageDigest']}"


def test_a_service_is_created_and_serves(walk: Walk) -> None:
    assert walk.cli("logs", "create-log-group", "--log-group-name", "/walk") is None
    walk.revisions.append(walk.register(web(walk.image, "one", NAME)))
    group = walk.cli("elbv2", "describe-target-groups", "--names", "slipway-tests")["TargetGroups"][0]["TargetGroupArn"]
    members = service(group) | {"cluster": CLUSTER, "serviceName": NAME, "taskDefinition": NAME}
    made = walk.cli("ecs", "create-service", "--cli-input-json", json.dumps(members))["service"]
    assert (made["status"], made["desiredCount"]) == ("ACTIVE", 2)
    assert walk.cli.text("ecs", "wait", "services-stable", "--cluster", CLUSTER, "--services", NAME) == ""
    assert walk.page() == (200, "one")
    health = walk.cli("elbv2", "describe-target-health", "--target-group-arn", group)["TargetHealthDescriptions"]
    assert [target["TargetHealth"]["State"] for target in health] == ["healthy", "healthy"]


def test_it_is_described(walk: Walk) -> None:
    described = walk.cli("ecs", "describe-services", "--cluster", CLUSTER, "--services", NAME)
    (found,) = described["services"]
    assert (described["failures"], found["runningCount"], found["pendingCount"]) == ([], 2, 0)
    (deployment,) = found["deployments"]
    assert (deployment["status"], deployment["rolloutState"]) == ("PRIMARY", "COMPLETED")
    assert any("has reached a steady state." in event["message"] for event in found["events"])
    arns = walk.cli("ecs", "list-tasks", "--cluster", CLUSTER, "--service-name", NAME)["taskArns"]
    tasks = walk.cli("ecs", "describe-tasks", "--cluster", CLUSTER, "--tasks", *arns)["tasks"]
    assert [found["lastStatus"] for found in tasks] == ["RUNNING", "RUNNING"]
    for found in tasks:
        assert sorted(part["name"] for part in found["containers"]) == ["app", "front"]
        assert {part["lastStatus"] for part in found["containers"]} == {"RUNNING"}
        assert (found["launchType"], found["group"]) == ("FARGATE", f"service:{NAME}")
        assert {part["imageDigest"] for part in found["containers"]} == {walk.image.partition("@")[2]}


def test_a_second_revision_rolls_in_without_a_failed_request(walk: Walk) -> None:
    walk.revisions.append(walk.register(web(walk.image, "two", NAME)))
    with Traffic(walk.emulator.balancer) as traffic:
        walk.update(f"{NAME}:2")
        until("the second revision has rolled in", walk.is_stable)
        until("it serves alone", lambda: {walk.page()[1] for _ in range(6)} == {"two"})
    assert traffic.verdict() == ""
    assert set(traffic.pages) == {"one", "two"}
    assert walk.describe()["taskDefinition"] == walk.revisions[1]


def test_a_revision_that_crashes_is_rolled_back(walk: Walk) -> None:
    broken = walk.register(web(walk.image, "three", NAME, app=CRASH))
    with Traffic(walk.emulator.balancer, clients=2, pause=0.1) as traffic:
        walk.update(broken)

        def outcome() -> list[dict[str, Any]]:
            listed = walk.aws.ecs.list_service_deployments(cluster=CLUSTER, service=NAME)["serviceDeployments"]
            return [found for found in listed if found["status"].startswith("ROLLBACK_") and found.get("finishedAt")]

        (rolled_back,) = until("the service is rolled back", outcome)
        until("one deployment is left", walk.is_stable)
    assert traffic.verdict() == ""
    assert set(traffic.pages) == {"two"}
    assert rolled_back["status"] == "ROLLBACK_SUCCESSFUL"
    arn = rolled_back["serviceDeploymentArn"]
    (record,) = walk.cli("ecs", "describe-service-deployments", "--service-deployment-arns", arn)["serviceDeployments"]
    breaker = record["deploymentCircuitBreaker"]
    # AWS's formula: half of the desired count, at least 3 and at most 200.
    assert (breaker["status"], breaker["threshold"]) == ("TRIGGERED", 3)
    assert record["rollback"]["reason"]
    events = [event["message"] for event in walk.describe()["events"]]
    assert any("deployment failed: tasks failed to start." in event for event in events), events
    assert any("rolling back to deployment" in event for event in events), events
    assert walk.describe()["taskDefinition"] == walk.revisions[1]
    stopped = walk.aws.ecs.list_tasks(cluster=CLUSTER, family=NAME, desiredStatus="STOPPED")["taskArns"]
    tasks = walk.aws.ecs.describe_tasks(cluster=CLUSTER, tasks=stopped)["tasks"]
    crashed = [
        found
        for found in tasks
        if found["taskDefinitionArn"] == broken and found.get("stopCode") == "EssentialContainerExited"
    ]
    assert len(crashed) >= 3
    assert all(found["stoppedReason"] == "Essential container in task exited" for found in crashed)
    assert {part.get("exitCode") for found in crashed for part in found["containers"] if part["name"] == "app"} == {3}


def test_without_a_way_back_the_deployment_stays_failed(walk: Walk) -> None:
    walk.register(task("walk-crash", container("app", walk.image, CRASH)))
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    made = {"cluster": CLUSTER, "serviceName": "walk-crash", "taskDefinition": "walk-crash", "desiredCount": 1}
    walk.aws.ecs.create_service(
        **made, launchType="FARGATE", networkConfiguration=NETWORK, deploymentConfiguration=breaker
    )

    def failed() -> list[dict[str, Any]]:
        found = walk.aws.ecs.describe_services(cluster=CLUSTER, services=["walk-crash"])["services"][0]
        return [deployment for deployment in found["deployments"] if deployment["rolloutState"] == "FAILED"]

    (deployment,) = until("the circuit breaker trips", failed)
    assert (deployment["status"], deployment["failedTasks"]) == ("PRIMARY", 3)
    assert "circuit breaker" in deployment["rolloutStateReason"]
    (record,) = walk.aws.ecs.list_service_deployments(cluster=CLUSTER, service="walk-crash")["serviceDeployments"]
    assert record["status"] == "ROLLBACK_FAILED"
    walk.aws.ecs.delete_service(cluster=CLUSTER, service="walk-crash", force=True)


def test_the_first_revision_is_rolled_back_to(walk: Walk) -> None:
    with Traffic(walk.emulator.balancer) as traffic:
        walk.update(walk.revisions[0])
        until("the first revision is back", lambda: walk.is_stable() and walk.page() == (200, "one"))
    assert traffic.verdict() == ""
    revision = walk.cli("ecs", "describe-task-definition", "--task-definition", NAME)["taskDefinition"]
    assert revision["revision"] == 3


def test_a_task_runs_once_with_overrides(walk: Walk) -> None:
    once = container("once", walk.image, "echo colour is $COLOUR; exit $CODE")
    walk.register(task("walk-once", once))
    overrides = [{"name": "once", "environment": [{"name": "COLOUR", "value": "teal"}, {"name": "CODE", "value": "7"}]}]
    arguments = ["--cluster", CLUSTER, "--task-definition", "walk-once", "--launch-type", "FARGATE"]
    arguments += ["--network-configuration", json.dumps(NETWORK)]
    arguments += ["--overrides", json.dumps({"containerOverrides": overrides}), "--started-by", "walk"]
    arn = walk.cli("ecs", "run-task", *arguments)["tasks"][0]["taskArn"]
    assert walk.cli.text("ecs", "wait", "tasks-stopped", "--cluster", CLUSTER, "--tasks", arn) == ""
    (ran,) = walk.cli("ecs", "describe-tasks", "--cluster", CLUSTER, "--tasks", arn)["tasks"]
    assert (ran["containers"][0]["exitCode"], ran["startedBy"], ran["stopCode"]) == (
        7,
        "walk",
        "EssentialContainerExited",
    )
    stream = f"walk/once/{arn.rsplit('/', 1)[1]}"
    events = ["logs", "get-log-events", "--log-group-name", GROUP, "--log-stream-name", stream]
    assert [event["message"] for event in walk.cli(*events)["events"]] == ["colour is teal"]


def test_a_task_that_is_stopped_is_replaced(walk: Walk) -> None:
    arns = walk.cli("ecs", "list-tasks", "--cluster", CLUSTER, "--service-name", NAME)["taskArns"]
    with Traffic(walk.emulator.balancer) as traffic:
        walk.cli("ecs", "stop-task", "--cluster", CLUSTER, "--task", arns[0], "--reason", "walk-through")

        def is_replaced() -> bool:
            now = walk.aws.ecs.list_tasks(cluster=CLUSTER, serviceName=NAME)["taskArns"]
            return arns[0] not in now and len(now) == 2 and walk.is_stable()

        until("another task is there", is_replaced)
        walk.aws.ecs.get_waiter("tasks_stopped").wait(
            cluster=CLUSTER, tasks=[arns[0]], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    assert traffic.verdict() == ""
    (stopped,) = walk.aws.ecs.describe_tasks(cluster=CLUSTER, tasks=[arns[0]])["tasks"]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "walk-through")
    assert {part["exitCode"] for part in stopped["containers"]} == {0}


def test_everything_is_deleted(walk: Walk) -> None:
    walk.cli("ecs", "update-service", "--cluster", CLUSTER, "--service", NAME, "--desired-count", "0")
    walk.cli("ecs", "delete-service", "--cluster", CLUSTER, "--service", NAME)
    until("the service is gone", lambda: walk.describe()["status"] == "INACTIVE")
    until("its containers are gone", lambda: not walk.emulator.containers())
    assert walk.page()[0] == 503
    assert walk.cli("ecr", "delete-repository", "--repository-name", REPOSITORY, "--force")["repository"]
    refusal = walk.cli.run("ecr", "describe-repositories", "--repository-names", REPOSITORY)
    assert (refusal.returncode != 0, "RepositoryNotFoundException" in refusal.stderr) == (True, True)

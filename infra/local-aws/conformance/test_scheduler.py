"""EventBridge Scheduler: schedules and groups through boto3 and the AWS CLI, and the task that a schedule starts."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from clients import Aws, Cli, refused
from definitions import container, task
from emulator import ACCOUNT, CLUSTER, REGION
from retry import until

ARN = f"arn:aws:scheduler:{REGION}:{ACCOUNT}"
OFF = {"Mode": "OFF"}


def target(family: str, **change: Any) -> dict[str, Any]:
    """A task of the family."""
    ecs = {
        "TaskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}",
        "LaunchType": "FARGATE",
        "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"]}},
    }
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
    return {"Arn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scheduler", "EcsParameters": ecs} | change


def test_a_schedule_is_created_read_changed_and_deleted(aws: Aws, cli: Cli) -> None:
    aws.scheduler.create_schedule_group(Name="conformance")
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0) + datetime.timedelta(hours=1)
    given = {
        "Name": "nightly",
        "GroupName": "conformance",
        "ScheduleExpression": "cron(0 3 ? * MON-FRI *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": start,
        "FlexibleTimeWindow": OFF,
        "Target": target("job", Input=json.dumps({"containerOverrides": [{"name": "app", "command": ["true"]}]})),
    }
    created = aws.scheduler.create_schedule(**given)
    assert created["ScheduleArn"] == f"{ARN}:schedule/conformance/nightly"
    with refused("ConflictException", "nightly already exists"):
        aws.scheduler.create_schedule(**given)
    found = aws.scheduler.get_schedule(Name="nightly", GroupName="conformance")
    policy = {"RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}}
    assert {name: found[name] for name in given} == given | {"Target": given["Target"] | policy}
    aws.scheduler.update_schedule(**given | {"State": "DISABLED"})
    assert cli("scheduler", "get-schedule", "--name", "nightly", "--group-name", "conformance")["State"] == "DISABLED"
    listed = aws.scheduler.list_schedules(GroupName="conformance", State="DISABLED")["Schedules"]
    assert [schedule["Name"] for schedule in listed] == ["nightly"]
    assert {group["Name"] for group in aws.scheduler.list_schedule_groups()["ScheduleGroups"]} >= {"default"}
    aws.scheduler.delete_schedule(Name="nightly", GroupName="conformance")
    with refused("ResourceNotFoundException"):
        aws.scheduler.get_schedule(Name="nightly", GroupName="conformance")
    aws.scheduler.delete_schedule_group(Name="conformance")
    with refused("ResourceNotFoundException"):
        aws.scheduler.get_schedule_group(Name="conformance")


@pytest.mark.parametrize("expression", ["cron(0 3 * * * *)", "rate(0 minutes)", "at(2026-02-30T00:00:00)", "daily"])
def test_wrong_expressions_are_refused(aws: Aws, expression: str) -> None:
    with refused("ValidationException"):
        aws.scheduler.create_schedule(
            Name="wrong", ScheduleExpression=expression, FlexibleTimeWindow=OFF, Target=target("job")
        )


def test_other_targets_are_not_here(aws: Aws) -> None:
    other = target("job", Arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f")
    with refused("UnsupportedFeatureException"):
        aws.scheduler.create_schedule(
            Name="other", ScheduleExpression="rate(1 hours)", FlexibleTimeWindow=OFF, Target=other
        )


def test_a_schedule_starts_its_task_and_is_deleted(aws: Aws, seeded: str) -> None:
    aws.ecs.register_task_definition(**task("scheduled", container("app", seeded, "sleep 60")))
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    aws.scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        ActionAfterCompletion="DELETE",
        FlexibleTimeWindow=OFF,
        Target=target("scheduled"),
    )
    started = {"cluster": CLUSTER, "startedBy": "chronos-schedule/once"}
    tasks = until("the task is started", lambda: aws.ecs.list_tasks(**started)["taskArns"])
    assert len(tasks) == 1
    with refused("ResourceNotFoundException"):
        aws.scheduler.get_schedule(Name="once")
    aws.ecs.stop_task(cluster=CLUSTER, task=tasks[0])

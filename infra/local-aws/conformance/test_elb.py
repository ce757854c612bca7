"""Target groups and load balancers, as far as a deploy looks at them; requests through them are the walk-through's."""

from __future__ import annotations

import pytest

from clients import Aws, Cli, refused
from emulator import ACCOUNT, HEALTH, REGION, Emulator


@pytest.fixture(scope="module")
def group(aws: Aws) -> str:
    return aws.elbv2.describe_target_groups(Names=["slipway-tests"])["TargetGroups"][0]["TargetGroupArn"]


def test_the_seed_has_made_a_target_group(aws: Aws, cli: Cli) -> None:
    (group,) = aws.elbv2.describe_target_groups(Names=["slipway-tests"])["TargetGroups"]
    prefix = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/slipway-tests/"
    assert group["TargetGroupArn"].startswith(prefix)
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTP", 8080)
    assert (group["HealthCheckPath"], group["HealthCheckIntervalSeconds"]) == (HEALTH, 1)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 2)
    (same,) = cli("elbv2", "describe-target-groups", "--target-group-arns", group["TargetGroupArn"])["TargetGroups"]
    assert same == group


def test_the_balancer_forwards_to_it(aws: Aws, group: str, emulator: Emulator) -> None:
    (balancer,) = aws.elbv2.describe_load_balancers(Names=["slipway-tests"])["LoadBalancers"]
    assert (balancer["Type"], balancer["State"]["Code"]) == ("application", "active")
    (listener,) = aws.elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert (listener["Port"], listener["Protocol"]) == (int(emulator.balancer.partition(":")[2]), "HTTP")
    assert [action["TargetGroupArn"] for action in listener["DefaultActions"]] == [group]
    pages = aws.elbv2.get_paginator("describe_target_groups").paginate(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert [found["TargetGroupArn"] for page in pages for found in page["TargetGroups"]] == [group]


def test_its_attributes_can_be_read(aws: Aws, group: str) -> None:
    attributes = aws.elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert {"Key": "deregistration_delay.timeout_seconds", "Value": "5"} in attributes


def test_a_target_that_was_never_registered_is_unused(aws: Aws, group: str) -> None:
    target = {"Id": "10.0.0.1", "Port": 80}
    (found,) = aws.elbv2.describe_target_health(TargetGroupArn=group, Targets=[target])["TargetHealthDescriptions"]
    assert (found["Target"], found["TargetHealth"]["State"]) == (target, "unused")
    assert found["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_what_is_not_there(aws: Aws, group: str) -> None:
    none = group[:-16] + "0" * 16
    with refused("TargetGroupNotFound"):
        aws.elbv2.describe_target_groups(Names=["none"])
    with refused("TargetGroupNotFound"):
        aws.elbv2.describe_target_health(TargetGroupArn=none)
    with refused("LoadBalancerNotFound"):
        aws.elbv2.describe_load_balancers(Names=["none"])


def test_what_is_not_supported_says_so(aws: Aws) -> None:
    with refused("InvalidAction"):
        aws.elbv2.describe_ssl_policies()

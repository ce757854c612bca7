"""ECS without containers: what is registered, listed and refused. Tasks that run are the walk-through's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clients import Aws, Cli, refused
from emulator import ACCOUNT, CLUSTER, REGION, Emulator

TARGET = "AmazonEC2ContainerServiceV20141113"
REFUSALS = ("ClientException", "InvalidParameterException", "SerializationException")
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"], "assignPublicIp": "ENABLED"}}
CONTAINER: dict[str, Any] = {"name": "web", "image": "busybox", "portMappings": [{"containerPort": 80}]}
FARGATE: dict[str, Any] = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
}


def register(aws: Aws, family: str, **changes: Any) -> dict[str, Any]:
    members = {"family": family, "containerDefinitions": [CONTAINER]} | FARGATE | changes
    return aws.unchecked("ecs").register_task_definition(**members)["taskDefinition"]


def create(aws: Aws, name: str, revision: str, **changes: Any) -> dict[str, Any]:
    members = {"cluster": CLUSTER, "serviceName": name, "taskDefinition": revision, "desiredCount": 0}
    return aws.ecs.create_service(**members | {"launchType": "FARGATE", "networkConfiguration": NETWORK} | changes)[
        "service"
    ]


def test_clusters_are_described_and_missing_ones_said(aws: Aws, cli: Cli) -> None:
    answer = aws.ecs.describe_clusters(clusters=[CLUSTER, "none"])
    assert [cluster["clusterName"] for cluster in answer["clusters"]] == [CLUSTER]
    assert answer["failures"] == [{"arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/none", "reason": "MISSING"}]
    assert f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}" in cli("ecs", "list-clusters")["clusterArns"]


def test_a_cluster_has_a_life(aws: Aws) -> None:
    aws.ecs.create_cluster(clusterName="conformance-life", tags=[{"key": "k", "value": "v"}])
    (cluster,) = aws.ecs.describe_clusters(clusters=["conformance-life"], include=["TAGS"])["clusters"]
    assert (cluster["status"], cluster["tags"]) == ("ACTIVE", [{"key": "k", "value": "v"}])
    assert aws.ecs.delete_cluster(cluster="conformance-life")["cluster"]["status"] == "INACTIVE"
    with refused("ClusterNotFoundException"):
        aws.ecs.list_services(cluster="none")


def test_revisions_count_and_are_described(aws: Aws) -> None:
    first = register(aws, "conformance-revisions")
    assert first["taskDefinitionArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/conformance-revisions:1"
    assert (first["revision"], first["status"], first["cpu"], first["memory"]) == (1, "ACTIVE", "256", "512")
    register(aws, "conformance-revisions", tags=[{"key": "k", "value": "v"}])
    answer = aws.ecs.describe_task_definition(taskDefinition="conformance-revisions", include=["TAGS"])
    assert (answer["taskDefinition"]["revision"], answer["tags"]) == (2, [{"key": "k", "value": "v"}])
    described = aws.ecs.describe_task_definition(taskDefinition="conformance-revisions:1")
    assert (described["taskDefinition"], "tags" in described) == (first, False)
    gone = aws.ecs.deregister_task_definition(taskDefinition="conformance-revisions:1")["taskDefinition"]
    assert gone["status"] == "INACTIVE"
    active = aws.ecs.list_task_definitions(familyPrefix="conformance-revisions")["taskDefinitionArns"]
    assert [arn.rsplit(":", 1)[1] for arn in active] == ["2"]
    with refused("ClientException", "Unable to describe task definition"):
        aws.ecs.describe_task_definition(taskDefinition="conformance-revisions:9")


def test_revisions_come_in_pages_and_in_either_order(aws: Aws) -> None:
    for _ in range(7):
        register(aws, "conformance-pages")
    for sort, wanted in (("ASC", range(1, 8)), ("DESC", range(7, 0, -1))):
        pages = aws.ecs.get_paginator("list_task_definitions").paginate(
            familyPrefix="conformance-pages", sort=sort, PaginationConfig={"PageSize": 3}
        )
        arns = [page["taskDefinitionArns"] for page in pages]
        assert [len(page) for page in arns] == [3, 3, 1]
        assert [int(arn.rsplit(":", 1)[1]) for page in arns for arn in page] == list(wanted)
    with refused("InvalidParameterException"):
        aws.ecs.list_task_definitions(nextToken="nonsense")


def containers(*changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "containerDefinitions": [{**CONTAINER, "name": f"c{index}"} | change for index, change in enumerate(changes)]
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"memory": "128"},
        {"cpu": "300"},
        {"cpu": "a lot"},
        {"networkMode": "bridge"},
        {"family": "no spaces"},
        {"containerDefinitions": []},
        containers({"portMappings": [{"containerPort": 80, "hostPort": 81}]}),
        containers({"name": "same"}, {"name": "same"}),
        containers({"essential": False}),
        containers({"image": ""}),
        containers({"dependsOn": [{"containerName": "none", "condition": "START"}]}),
        containers(
            {"dependsOn": [{"containerName": "c1", "condition": "START"}]},
            {"dependsOn": [{"containerName": "c0", "condition": "START"}]},
        ),
        containers({"dependsOn": [{"containerName": "c1", "condition": "HEALTHY"}]}, {}),
        containers({"mountPoints": [{"sourceVolume": "none", "containerPath": "/x"}]}),
        containers({"stopTimeout": 121}),
        containers({"privileged": True}),
        containers({"secrets": [{"name": "S", "valueFrom": "/slipway/tests/COLOUR"}]}),
        containers({"memory": 1024}),
        containers({"cpu": 512}),
        {"colour": "teal"},
        containers({"colour": "teal"}),
    ],
    ids=lambda changes: repr(changes).translate({ord(c): None for c in "{}[]' "})[:70],
)
def test_a_definition_that_fargate_refuses(emulator: Emulator, changes: dict[str, Any]) -> None:
    # Past botocore, which drops unknown members and has a mind of its own about some others.
    members = {"family": "conformance-refused", "containerDefinitions": [CONTAINER]} | FARGATE | changes
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": f"{TARGET}.RegisterTaskDefinition"}
    status, _, answer = emulator.send("POST", "/", headers, json.dumps(members))
    document = json.loads(answer)
    assert (status, document["__type"].rsplit("#", 1)[-1]) in [(400, code) for code in REFUSALS], document
    assert len(document["message"]) > 15


def test_a_service_is_created_changed_and_deleted(aws: Aws) -> None:
    first = register(aws, "conformance-service")["taskDefinitionArn"]
    second = register(aws, "conformance-service")["taskDefinitionArn"]
    made = create(aws, "conformance-life", "conformance-service:1", tags=[{"key": "k", "value": "v"}])
    assert made["serviceArn"] == f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/conformance-life"
    assert (made["status"], made["taskDefinition"], made["runningCount"]) == ("ACTIVE", first, 0)
    assert [(d["status"], d["taskDefinition"]) for d in made["deployments"]] == [("PRIMARY", first)]
    with refused("InvalidParameterException", "Creation of service was not idempotent."):
        create(aws, "conformance-life", "conformance-service:2")
    changed = aws.ecs.update_service(cluster=CLUSTER, service="conformance-life", taskDefinition="conformance-service")[
        "service"
    ]
    assert changed["taskDefinition"] == second
    answer = aws.ecs.describe_services(cluster=CLUSTER, services=["conformance-life", "none"], include=["TAGS"])
    assert answer["services"][0]["tags"] == [{"key": "k", "value": "v"}]
    none = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/none"
    assert answer["failures"] == [{"arn": none, "reason": "MISSING"}]
    gone = aws.ecs.delete_service(cluster=CLUSTER, service="conformance-life")["service"]
    assert gone["status"] in ("DRAINING", "INACTIVE")
    with refused("ServiceNotFoundException"):
        aws.ecs.update_service(cluster=CLUSTER, service="none", desiredCount=0)


def test_what_a_service_cannot_be(aws: Aws) -> None:
    register(aws, "conformance-wrong")
    with refused("ClientException"):
        create(aws, "conformance-wrong", "none:1")
    with refused("ClusterNotFoundException"):
        create(aws, "conformance-wrong", "conformance-wrong", cluster="none")
    with refused("InvalidParameterException"):
        create(aws, "conformance-wrong", "conformance-wrong", networkConfiguration={"awsvpcConfiguration": {"subnets": []}})
    with refused("InvalidParameterException"):
        create(aws, "no spaces", "conformance-wrong")
    balancer = {"targetGroupArn": f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/none/{'0' * 16}"}
    balancer |= {"containerName": "web", "containerPort": 80}
    with refused("InvalidParameterException"):
        create(aws, "conformance-wrong", "conformance-wrong", loadBalancers=[balancer])


def test_services_come_in_pages(aws: Aws) -> None:
    register(aws, "conformance-many")
    names = [f"conformance-many-{number:02}" for number in range(12)]
    for name in names:
        create(aws, name, "conformance-many")
    pages = aws.ecs.get_paginator("list_services").paginate(cluster=CLUSTER, PaginationConfig={"PageSize": 5})
    arns = [arn for page in pages for arn in page["serviceArns"]]
    assert {arn.rsplit("/", 1)[1] for arn in arns} >= set(names)
    assert len(arns) == len(set(arns))
    with refused("InvalidParameterException"):
        aws.unchecked("ecs").describe_services(cluster=CLUSTER, services=names)
    for name in names:
        aws.ecs.delete_service(cluster=CLUSTER, service=name)


def test_tags_come_and_go(aws: Aws) -> None:
    arn = register(aws, "conformance-tags")["taskDefinitionArn"]
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    aws.ecs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert aws.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]


def test_what_ecs_has_beside_that_is_not_here(aws: Aws) -> None:
    register(aws, "conformance-beside")
    with refused("UnsupportedFeatureException"):
        create(aws, "conformance-beside", "conformance-beside", deploymentController={"type": "CODE_DEPLOY"})

"""The calls that moto supports, too: each script is run against both endpoints, and what comes back is recorded as the
set of its members, or as an error's code and status. Values that must differ (ids, times, hosts) never get into it."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from clients import Aws
from retry import until

# What became of the comparison: call, verdict.
COMPARED: list[tuple[str, str]] = []


@dataclass
class Recorder:
    """Makes the calls of a script and keeps what came back."""

    aws: Aws
    subnet: str
    security_group: str
    cluster: str
    target_group: str
    load_balancer: str
    image: str
    has_containers: bool
    heard: dict[str, frozenset[str]] = field(default_factory=dict)

    def __call__(self, label: str, service: str, method: str, /, **members: Any) -> Any:
        """One call; an error is recorded and answered with an empty document."""
        assert label not in self.heard, label
        try:
            answer = getattr(getattr(self.aws, service), method)(**members)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            self.heard[label] = frozenset([f"error {error.response['Error']['Code']} {status}"])
            return {}
        answer.pop("ResponseMetadata")
        self.heard[label] = frozenset(paths(answer))
        return answer

    def wait_until_running(self, task: str) -> None:
        """Real tasks get there; moto's stay where they are."""

        def is_running() -> bool:
            found = self.aws.ecs.describe_tasks(cluster=self.cluster, tasks=[task])["tasks"][0]
            return found["lastStatus"] == "RUNNING"

        if self.has_containers:
            until("the task runs", is_running)


def paths(value: Any, path: str = "") -> set[str]:
    """Members with their JSON types; of lists, what their elements have together."""
    if isinstance(value, dict):
        found = {f"{path or '.'} structure"}
        return found.union(*(paths(member, f"{path}.{name}") for name, member in value.items()))
    if isinstance(value, list):
        return {f"{path} list"}.union(*(paths(member, f"{path}[]") for member in value))
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", datetime.datetime: "timestamp"}
    return {f"{path} {kinds.get(type(value), type(value).__name__)}"}


def sts(call: Recorder) -> None:
    call("GetCallerIdentity", "sts", "get_caller_identity")


def ssm(call: Recorder) -> None:
    name = "/compared/one"
    call("PutParameter", "ssm", "put_parameter", Name=name, Value="v", Type="String")
    call("PutParameter again", "ssm", "put_parameter", Name=name, Value="w", Type="String")
    call("PutParameter Overwrite", "ssm", "put_parameter", Name=name, Value="w", Type="String", Overwrite=True)
    call("PutParameter SecureString", "ssm", "put_parameter", Name="/compared/two", Value="s", Type="SecureString")
    call("GetParameter", "ssm", "get_parameter", Name=name)
    call("GetParameter SecureString", "ssm", "get_parameter", Name="/compared/two", WithDecryption=True)
    call("GetParameter missing", "ssm", "get_parameter", Name="/compared/none")
    call("GetParameters", "ssm", "get_parameters", Names=[name, "/compared/none"])
    call("GetParametersByPath", "ssm", "get_parameters_by_path", Path="/compared", Recursive=True)
    call("DeleteParameter", "ssm", "delete_parameter", Name=name)
    call("DeleteParameter again", "ssm", "delete_parameter", Name=name)


def logs(call: Recorder) -> None:
    group, stream = "/compared", "one"
    call("CreateLogGroup", "logs", "create_log_group", logGroupName=group)
    call("CreateLogGroup again", "logs", "create_log_group", logGroupName=group)
    call("DescribeLogGroups", "logs", "describe_log_groups", logGroupNamePrefix=group)
    call("DescribeLogGroups none", "logs", "describe_log_groups", logGroupNamePrefix="/none")
    call("PutRetentionPolicy", "logs", "put_retention_policy", logGroupName=group, retentionInDays=7)
    call("DescribeLogGroups retention", "logs", "describe_log_groups", logGroupNamePrefix=group)
    call("CreateLogStream", "logs", "create_log_stream", logGroupName=group, logStreamName=stream)
    call("CreateLogStream again", "logs", "create_log_stream", logGroupName=group, logStreamName=stream)
    call("CreateLogStream no group", "logs", "create_log_stream", logGroupName="/none", logStreamName=stream)
    now = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    events = [{"timestamp": now, "message": "one"}, {"timestamp": now + 1, "message": "two"}]
    named = {"logGroupName": group, "logStreamName": stream}
    call("PutLogEvents", "logs", "put_log_events", **named, logEvents=events)
    call("PutLogEvents no stream", "logs", "put_log_events", **(named | {"logStreamName": "none"}), logEvents=events)
    call("DescribeLogStreams", "logs", "describe_log_streams", logGroupName=group)
    call("DescribeLogStreams no group", "logs", "describe_log_streams", logGroupName="/none")
    call("GetLogEvents", "logs", "get_log_events", **named, startFromHead=True)
    call("GetLogEvents no stream", "logs", "get_log_events", **(named | {"logStreamName": "none"}))
    call("FilterLogEvents", "logs", "filter_log_events", logGroupName=group)
    call("FilterLogEvents no group", "logs", "filter_log_events", logGroupName="/none")
    call("DeleteLogGroup", "logs", "delete_log_group", logGroupName=group)
    call("DeleteLogGroup again", "logs", "delete_log_group", logGroupName=group)


def elb(call: Recorder) -> None:
    none = call.target_group[:-16] + "0" * 16
    call("DescribeTargetGroups", "elbv2", "describe_target_groups", Names=["slipway-tests"])
    call("DescribeTargetGroups missing", "elbv2", "describe_target_groups", Names=["none"])
    call("DescribeTargetGroupAttributes", "elbv2", "describe_target_group_attributes", TargetGroupArn=call.target_group)
    call("DescribeTargetHealth", "elbv2", "describe_target_health", TargetGroupArn=call.target_group)
    call("DescribeTargetHealth missing", "elbv2", "describe_target_health", TargetGroupArn=none)
    call("DescribeLoadBalancers", "elbv2", "describe_load_balancers", Names=["slipway-tests"])
    call("DescribeLoadBalancers missing", "elbv2", "describe_load_balancers", Names=["none"])
    call("DescribeListeners", "elbv2", "describe_listeners", LoadBalancerArn=call.load_balancer)


def ecr(call: Recorder) -> None:
    name = "compared/one"
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": "sha256:" + "0" * 64}
    manifest = json.dumps(
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []}
    )
    created = call("CreateRepository", "ecr", "create_repository", repositoryName=name)
    call("CreateRepository again", "ecr", "create_repository", repositoryName=name)
    call("CreateRepository bad name", "ecr", "create_repository", repositoryName="Compared//One")
    call("DescribeRepositories", "ecr", "describe_repositories", repositoryNames=[name])
    call("DescribeRepositories missing", "ecr", "describe_repositories", repositoryNames=["none"])
    call("GetAuthorizationToken", "ecr", "get_authorization_token")
    call("ListImages empty", "ecr", "list_images", repositoryName=name)
    call("ListImages missing", "ecr", "list_images", repositoryName="none")
    call("DescribeImages empty", "ecr", "describe_images", repositoryName=name)
    call("DescribeImages missing", "ecr", "describe_images", repositoryName=name, imageIds=[{"imageTag": "none"}])
    call("BatchGetImage missing", "ecr", "batch_get_image", repositoryName=name, imageIds=[{"imageTag": "none"}])
    call("BatchDeleteImage missing", "ecr", "batch_delete_image", repositoryName=name, imageIds=[{"imageTag": "none"}])
    call("PutImage no layers", "ecr", "put_image", repositoryName=name, imageManifest=manifest, imageTag="one")
    call(
        "PutImageTagMutability", "ecr", "put_image_tag_mutability", repositoryName=name, imageTagMutability="IMMUTABLE"
    )
    rule = {"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9}}
    policy = json.dumps({"rules": [rule | {"action": {"type": "expire"}}]})
    call("GetLifecyclePolicy none", "ecr", "get_lifecycle_policy", repositoryName=name)
    call("PutLifecyclePolicy", "ecr", "put_lifecycle_policy", repositoryName=name, lifecyclePolicyText=policy)
    call("GetLifecyclePolicy", "ecr", "get_lifecycle_policy", repositoryName=name)
    arn = created["repository"]["repositoryArn"]
    call("TagResource ECR", "ecr", "tag_resource", resourceArn=arn, tags=[{"Key": "k", "Value": "v"}])
    call("ListTagsForResource ECR", "ecr", "list_tags_for_resource", resourceArn=arn)
    call("DeleteRepository", "ecr", "delete_repository", repositoryName=name, force=True)
    call("DeleteRepository again", "ecr", "delete_repository", repositoryName=name)


def ecs_definitions(call: Recorder) -> None:
    family = "compared"
    container = {
        "name": "web",
        "image": call.image,
        "memory": 128,
        "entryPoint": ["sleep", "300"],
        "portMappings": [{"containerPort": 80}],
        "essential": True,
    }
    fargate = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    fargate["executionRoleArn"] = "arn:aws:iam::123456789012:role/slipway-execution"
    call("DescribeClusters", "ecs", "describe_clusters", clusters=[call.cluster, "none"])
    call("ListClusters", "ecs", "list_clusters")
    members = {"family": family, "containerDefinitions": [container]} | fargate
    call("RegisterTaskDefinition", "ecs", "register_task_definition", **members)
    call("RegisterTaskDefinition tags", "ecs", "register_task_definition", **members, tags=[{"key": "k", "value": "v"}])
    call("RegisterTaskDefinition bad sizes", "ecs", "register_task_definition", **(members | {"memory": "128"}))
    call("DescribeTaskDefinition", "ecs", "describe_task_definition", taskDefinition=f"{family}:1")
    call(
        "DescribeTaskDefinition TAGS", "ecs", "describe_task_definition", taskDefinition=f"{family}:2", include=["TAGS"]
    )
    call("DescribeTaskDefinition missing", "ecs", "describe_task_definition", taskDefinition="none")
    call("ListTaskDefinitions", "ecs", "list_task_definitions", familyPrefix=family)
    call("ListTaskDefinitionFamilies", "ecs", "list_task_definition_families", familyPrefix=family)
    call("DeregisterTaskDefinition", "ecs", "deregister_task_definition", taskDefinition=f"{family}:1")
    call("DeregisterTaskDefinition missing", "ecs", "deregister_task_definition", taskDefinition="none:1")


def ecs_services(call: Recorder) -> None:
    family, cluster = "compared", call.cluster
    placed = {"subnets": [call.subnet], "securityGroups": [call.security_group], "assignPublicIp": "ENABLED"}
    network = {"awsvpcConfiguration": placed}
    members = {
        "cluster": cluster,
        "serviceName": "compared",
        "taskDefinition": f"{family}:2",
        "desiredCount": 0,
        "launchType": "FARGATE",
        "networkConfiguration": network,
    }
    created = call("CreateService", "ecs", "create_service", **members)
    call("CreateService no cluster", "ecs", "create_service", **(members | {"cluster": "none", "serviceName": "b"}))
    call(
        "CreateService no revision",
        "ecs",
        "create_service",
        **(members | {"taskDefinition": "none:1", "serviceName": "c"}),
    )
    call("DescribeServices", "ecs", "describe_services", cluster=cluster, services=["compared"])
    call("DescribeServices missing", "ecs", "describe_services", cluster=cluster, services=["none"])
    call("DescribeServices no cluster", "ecs", "describe_services", cluster="none", services=["compared"])
    call("ListServices", "ecs", "list_services", cluster=cluster)
    call("UpdateService", "ecs", "update_service", cluster=cluster, service="compared", desiredCount=0)
    call("UpdateService missing", "ecs", "update_service", cluster=cluster, service="none", desiredCount=0)
    arn = created["service"]["serviceArn"]
    call("TagResource ECS", "ecs", "tag_resource", resourceArn=arn, tags=[{"key": "k", "value": "v"}])
    call("ListTagsForResource ECS", "ecs", "list_tags_for_resource", resourceArn=arn)
    call("UntagResource ECS", "ecs", "untag_resource", resourceArn=arn, tagKeys=["k"])
    call("DeleteService", "ecs", "delete_service", cluster=cluster, service="compared")
    call("DeleteService missing", "ecs", "delete_service", cluster=cluster, service="none")
    run = {"cluster": cluster, "launchType": "FARGATE", "networkConfiguration": network}
    ran = call("RunTask", "ecs", "run_task", **run, taskDefinition=f"{family}:2")
    call("RunTask no revision", "ecs", "run_task", **run, taskDefinition="none:1")
    task = ran["tasks"][0]["taskArn"]
    call.wait_until_running(task)
    call("DescribeTasks", "ecs", "describe_tasks", cluster=cluster, tasks=[task, "0" * 32])
    call("ListTasks", "ecs", "list_tasks", cluster=cluster, family=family)
    call("StopTask", "ecs", "stop_task", cluster=cluster, task=task, reason="enough")
    call("StopTask missing", "ecs", "stop_task", cluster=cluster, task="0" * 32)
    call("ListTasks no cluster", "ecs", "list_tasks", cluster="none")


SCRIPTS = {
    "sts": [sts],
    "ssm": [ssm],
    "logs": [logs],
    "elbv2": [elb],
    "ecr": [ecr],
    "ecs": [ecs_definitions, ecs_services],
}

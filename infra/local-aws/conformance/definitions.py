"""Task definitions of the tests: two containers that talk over 127.0.0.1, and what goes wrong with them on purpose."""

from __future__ import annotations

from typing import Any

from emulator import ACCOUNT, GROUP, REGION

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"], "assignPublicIp": "ENABLED"}}
# The front answers with what the app says, or with 502.
PAGE = """#!/bin/sh
page=$(wget -qO- http://127.0.0.1:8000/index.html) && printf 'Content-Type: text/plain\\r\\n\\r\\n%s\\n' "$page" ||
    printf 'Status: 502 Bad Gateway\\r\\n\\r\\n'
"""
# A shell that ends at once when told to: as process 1, busybox's own server would ignore the stop signal.
SERVE = "trap 'kill $!; exit 0' TERM; httpd -f -p {address} -h /tmp & wait"
APP = "echo $PAGE > /tmp/index.html; echo app serves $PAGE; " + SERVE.format(address="127.0.0.1:8000")
FRONT = "mkdir -p /tmp/cgi-bin; cp /www/page /tmp/cgi-bin/; echo front is up; " + SERVE.format(address="8080")
CRASH = "echo about to crash; sleep 0.2; exit 3"


def container(name: str, image: str, script: str, **more: Any) -> dict[str, Any]:
    """A container that runs a script of busybox's shell and logs."""
    options = {"awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "walk"}
    return {
        "name": name,
        "image": image,
        "essential": True,
        "entryPoint": ["/bin/sh", "-c"],
        "command": [script],
        "stopTimeout": 5,
        "logConfiguration": {"logDriver": "awslogs", "options": options},
    } | more


def web(image: str, page: str, family: str, app: str = APP) -> dict[str, Any]:
    """A front on port 8080 that passes everything on to an app that only the task itself can reach."""
    front = container("front", image, FRONT, portMappings=[{"containerPort": 8080}])
    front["dependsOn"] = [{"containerName": "app", "condition": "START"}]
    behind = container("app", image, app, environment=[{"name": "PAGE", "value": page}])
    return task(family, behind, front)


def task(family: str, *containers: dict[str, Any]) -> dict[str, Any]:
    """The smallest task of Fargate's."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/slipway-execution",
        "containerDefinitions": list(containers),
    }


def service(target_group: str, count: int = 2) -> dict[str, Any]:
    """Members of CreateService behind the load balancer, with a breaker that rolls back."""
    breaker = {"enable": True, "rollback": True}
    return {
        "desiredCount": count,
        "launchType": "FARGATE",
        "networkConfiguration": NETWORK,
        "loadBalancers": [{"targetGroupArn": target_group, "containerName": "front", "containerPort": 8080}],
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": breaker,
        },
    }

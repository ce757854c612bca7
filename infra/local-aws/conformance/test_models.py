"""The judge himself: what AWS sends passes, what AWS could not have sent does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from models import complaints
from judge import operation

JSON = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": "1"}
XML = {"Content-Type": "text/xml", "x-amzn-RequestId": "1"}
REST = {"Content-Type": "application/json", "x-amzn-RequestId": "1"}
CONFLICT = REST | {"x-amzn-ErrorType": "ConflictException"}
ELB = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
GROUPS = (
    '<DescribeTargetGroupsResponse xmlns="{space}"><DescribeTargetGroupsResult><TargetGroups><{tag}>{inside}</{tag}>'
    "</TargetGroups></DescribeTargetGroupsResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    "</DescribeTargetGroupsResponse>"
)
ERROR = (
    f'<ErrorResponse xmlns="{ELB}"><Error><Type>Sender</Type><Code>%s</Code><Message>m</Message></Error>'
    "<RequestId>1</RequestId></ErrorResponse>"
)


def judge(service: str, name: str, status: int, document: Any, headers: dict[str, str] = JSON) -> str:
    body = document if isinstance(document, str) else json.dumps(document)
    return "\n".join(complaints(operation(service, name), status, headers, body.encode()))


def test_what_aws_sends_passes() -> None:
    service = {"serviceName": "web", "runningCount": 1, "createdAt": 1795478400.123, "enableECSManagedTags": False}
    assert judge("ecs", "DescribeServices", 200, {"services": [service], "failures": []}) == ""
    assert (
        judge("ecs", "DescribeServices", 400, {"__type": "ClusterNotFoundException", "message": "Cluster not found."})
        == ""
    )
    assert judge("ecs", "TagResource", 200, {}) == ""
    assert judge("ssm", "GetParameter", 400, {"__type": "ParameterNotFound", "message": ""}) == ""
    assert judge("scheduler", "ListSchedules", 200, {"Schedules": []}, REST) == ""
    assert judge("scheduler", "CreateSchedule", 409, {"Message": "m"}, CONFLICT) == ""
    group = GROUPS.format(space=ELB, tag="member", inside="<Port>80</Port><Matcher><HttpCode>200</HttpCode></Matcher>")
    assert judge("elbv2", "DescribeTargetGroups", 200, group, XML) == ""
    assert judge("elbv2", "DescribeTargetGroups", 400, ERROR % "TargetGroupNotFound", XML) == ""


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"services": [{"name": "web"}]}, "services[0].name is not a member of Service"),
        ({"services": {}}, "services is dict, not a list"),
        ({"services": [{"runningCount": "1"}]}, "runningCount is str '1', not integer"),
        ({"services": [{"runningCount": True}]}, "runningCount is bool True, not integer"),
        ({"services": [{"runningCount": 2**31}]}, "runningCount is int 2147483648, not integer"),
        ({"services": [{"enableExecuteCommand": 1}]}, "enableExecuteCommand is int 1, not boolean"),
        ({"services": [{"createdAt": "2026-01-01T00:00:00Z"}]}, "createdAt is str"),
        ({"services": [{"createdAt": 1795478400123}]}, "createdAt is int 1795478400123, not timestamp"),
        ({"services": [{"launchType": "MOON"}]}, "launchType is str 'MOON', not one of"),
        ({"services": [{"roleArn": None}]}, "roleArn is null"),
        (
            {"services": [{"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True}}}]},
            "rollback is required",
        ),
        ("{", "not JSON"),
    ],
)
def test_an_answer_that_aws_could_not_have_sent(document: Any, complaint: str) -> None:
    assert complaint in judge("ecs", "DescribeServices", 200, document)


@pytest.mark.parametrize(
    ("status", "document", "complaint"),
    [
        (400, {"message": "m"}, "an error without `__type`"),
        (400, {"__type": "ClusterNotFoundException"}, "has no message"),
        (404, {"__type": "ClusterNotFoundException", "message": "m"}, "has status [400]"),
        (400, {"__type": "ServerException", "message": "m"}, "has status [500]"),
        (400, {"__type": "ServiceNotFoundException", "message": "m"}, "is not one of"),
        (400, {"__type": "ClusterNotFoundException", "Message": "m"}, "is called `message`"),
        (400, {"__type": "ClientException", "message": "m", "hint": "h"}, "unknown member `hint`"),
    ],
)
def test_an_error_that_aws_could_not_have_sent(status: int, document: Any, complaint: str) -> None:
    assert complaint in judge("ecs", "ListServices", status, document)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (GROUPS.format(space="urn:other", tag="member", inside=""), "is in the namespace `urn:other`"),
        (GROUPS.format(space=ELB, tag="item", inside=""), "has <item> in a list"),
        (GROUPS.format(space=ELB, tag="member", inside="<Ports>80</Ports>"), "Ports is not a member"),
        (GROUPS.format(space=ELB, tag="member", inside="<Port>http</Port>"), "Port is 'http', not integer"),
        (GROUPS.format(space=ELB, tag="member", inside="<Port>1</Port><Port>2</Port>"), "Port is there 2 times"),
        (GROUPS.format(space=ELB, tag="member", inside="<HealthCheckEnabled>yes</HealthCheckEnabled>"), "not boolean"),
        (GROUPS.format(space=ELB, tag="member", inside="<Protocol>SPDY</Protocol>"), "not one of"),
        (GROUPS.format(space=ELB, tag="member", inside="").replace("<RequestId>1</RequestId>", ""), "RequestId"),
        (f'<Other xmlns="{ELB}"/>', "not <DescribeTargetGroupsResponse>"),
        ("{}", "not XML"),
    ],
)
def test_xml_that_aws_could_not_have_sent(document: str, complaint: str) -> None:
    assert complaint in judge("elbv2", "DescribeTargetGroups", 200, document, XML)


def test_an_xml_error_has_a_code_of_the_model() -> None:
    assert "is not one of" in judge("elbv2", "DescribeTargetGroups", 400, ERROR % "NoSuchThing", XML)
    assert "has status [400]" in judge("elbv2", "DescribeTargetGroups", 500, ERROR % "TargetGroupNotFound", XML)


def test_a_rest_error_has_its_code_in_a_header() -> None:
    assert "without `__type`" in judge("scheduler", "CreateSchedule", 409, {"Message": "m"}, REST)
    assert "has status [409]" in judge("scheduler", "CreateSchedule", 400, {"Message": "m"}, CONFLICT)
    assert "is called `Message`" in judge("scheduler", "CreateSchedule", 409, {"message": "m"}, CONFLICT)
    assert "content type `application/x-amz-json-1.1`" in judge("scheduler", "ListSchedules", 200, {"Schedules": []})


def test_headers_count() -> None:
    assert "content type `None`" in judge("ecs", "ListServices", 200, {}, {"x-amzn-RequestId": "1"})
    assert "x-amzn-RequestId is missing" in judge(
        "ecs", "ListServices", 200, {}, {"Content-Type": JSON["Content-Type"]}
    )

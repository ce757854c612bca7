"""The small services: who is asking, parameters, and output of containers as far as its API goes."""

from __future__ import annotations

import threading
import time

from clients import Aws, Cli, refused
from emulator import ACCOUNT, GROUP, REGION


def test_the_caller_has_an_account(aws: Aws, cli: Cli) -> None:
    assert aws.sts.get_caller_identity()["Account"] == ACCOUNT
    assert cli("sts", "get-caller-identity")["Account"] == ACCOUNT


def test_what_sts_has_beside_that_is_not_here(aws: Aws) -> None:
    with refused("UnsupportedFeatureException"):
        aws.sts.get_session_token()


def test_a_parameter_is_written_read_and_deleted(aws: Aws) -> None:
    name = "/conformance/life"
    assert aws.ssm.put_parameter(Name=name, Value="one", Type="String")["Version"] == 1
    assert aws.ssm.put_parameter(Name=name, Value="two", Type="String", Overwrite=True)["Version"] == 2
    parameter = aws.ssm.get_parameter(Name=name)["Parameter"]
    assert (parameter["Value"], parameter["Version"], parameter["Type"]) == ("two", 2, "String")
    assert parameter["ARN"] == f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{name}"
    aws.ssm.delete_parameter(Name=name)
    with refused("ParameterNotFound"):
        aws.ssm.get_parameter(Name=name)
    with refused("ParameterNotFound"):
        aws.ssm.delete_parameter(Name=name)


def test_one_of_many_writers_wins(aws: Aws) -> None:
    outcomes: list[str] = []

    def write(number: int) -> None:
        try:
            aws.ssm.put_parameter(Name="/conformance/race", Value=str(number), Type="String")
            outcomes.append("written")
        except aws.ssm.exceptions.ParameterAlreadyExists:
            outcomes.append("exists")

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(outcomes) == ["exists"] * 7 + ["written"]


def test_a_secret_is_shown_to_who_asks_for_decryption(aws: Aws) -> None:
    aws.ssm.put_parameter(Name="/conformance/secret", Value="hush", Type="SecureString")
    assert aws.ssm.get_parameter(Name="/conformance/secret")["Parameter"]["Value"] != "hush"
    assert aws.ssm.get_parameter(Name="/conformance/secret", WithDecryption=True)["Parameter"]["Value"] == "hush"


def test_the_seed_has_made_its_parameters(aws: Aws) -> None:
    names = ["/slipway/tests/COLOUR", "/slipway/tests/SECRET_KEY", "/slipway/tests/NONE"]
    answer = aws.ssm.get_parameters(Names=names, WithDecryption=True)
    values = {parameter["Name"]: parameter["Value"] for parameter in answer["Parameters"]}
    assert values.pop("/slipway/tests/COLOUR") == "teal"
    assert len(values.pop("/slipway/tests/SECRET_KEY")) == 50
    assert (values, answer["InvalidParameters"]) == ({}, ["/slipway/tests/NONE"])


def test_parameters_come_in_pages(aws: Aws) -> None:
    wanted = [f"/conformance/pages/{number:02}" for number in range(23)]
    for name in wanted:
        aws.ssm.put_parameter(Name=name, Value="v", Type="String")
    pages = list(aws.ssm.get_paginator("get_parameters_by_path").paginate(Path="/conformance/pages"))
    assert [len(page["Parameters"]) for page in pages] == [10, 10, 3]
    assert sorted(parameter["Name"] for page in pages for parameter in page["Parameters"]) == wanted


def test_a_log_group_is_made_found_and_deleted(aws: Aws) -> None:
    group = "/conformance/group"
    aws.logs.create_log_group(logGroupName=group)
    with refused("ResourceAlreadyExistsException"):
        aws.logs.create_log_group(logGroupName=group)
    aws.logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (found,) = aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert (found["logGroupName"], found["retentionInDays"]) == (group, 7)
    aws.logs.delete_log_group(logGroupName=group)
    with refused("ResourceNotFoundException"):
        aws.logs.delete_log_group(logGroupName=group)
    assert aws.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


def test_events_are_read_in_order_and_in_pages(aws: Aws) -> None:
    stream = {"logGroupName": GROUP, "logStreamName": "conformance/pages"}
    aws.logs.create_log_stream(**stream)
    start = int(time.time() * 1000)
    events = [{"timestamp": start + number, "message": f"line {number}"} for number in range(30)]
    aws.logs.put_log_events(**stream, logEvents=events)
    messages, token = [], None
    while True:
        more = {"nextToken": token} if token else {}
        page = aws.logs.get_log_events(**stream, startFromHead=True, limit=7, **more)
        messages += [event["message"] for event in page["events"]]
        # The end is where the token stays the same, as AWS documents it.
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert messages == [f"line {number}" for number in range(30)]
    newest = aws.logs.get_log_events(**stream, limit=2)["events"]
    assert [event["message"] for event in newest] == ["line 28", "line 29"]
    pages = aws.logs.get_paginator("filter_log_events").paginate(
        logGroupName=GROUP, logStreamNamePrefix="conformance/", filterPattern='"line 1"', PaginationConfig={"PageSize": 4}
    )
    assert len([event for page in pages for event in page["events"]]) == 11


def test_logs_that_are_not_there(aws: Aws) -> None:
    with refused("ResourceNotFoundException"):
        aws.logs.get_log_events(logGroupName="/none", logStreamName="none")
    with refused("ResourceNotFoundException"):
        aws.logs.get_log_events(logGroupName=GROUP, logStreamName="none")
    with refused("ResourceNotFoundException"):
        aws.logs.filter_log_events(logGroupName="/none")

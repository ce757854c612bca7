"""The second judge: the same calls to moto. A difference is either written down with a reason, or a failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from allowed import ALLOWED, Allowance
from clients import Aws
from same_calls import COMPARED, SCRIPTS, Recorder
from emulator import CLUSTER, HEALTH, REGION

# Entries of the list that were needed.
USED: set[Allowance] = set()


@pytest.fixture(scope="module")
def moto() -> Iterator[Recorder]:
    """moto's server with what the seed gives the emulator. Nothing it answers is checked: it is one."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    aws = Aws(f"http://{host}:{port}", REGION, None)
    network = aws.client("ec2")
    vpc = network.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = [subnet["SubnetId"] for subnet in network.describe_subnets()["Subnets"]]
    security = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    aws.ecs.create_cluster(clusterName=CLUSTER)
    group = aws.elbv2.create_target_group(
        Name="slipway-tests", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckPath=HEALTH
    )["TargetGroups"][0]["TargetGroupArn"]
    balancer = aws.elbv2.create_load_balancer(Name="slipway-tests", Subnets=subnets[:2])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    aws.elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    yield Recorder(aws, subnets[0], security, CLUSTER, group, balancer, "none", False)
    server.stop()


@pytest.fixture(scope="module")
def local(aws: Aws, seeded: str) -> Recorder:
    """The emulator."""
    group = aws.elbv2.describe_target_groups(Names=["slipway-tests"])["TargetGroups"][0]["TargetGroupArn"]
    balancer = aws.elbv2.describe_load_balancers(Names=["slipway-tests"])["LoadBalancers"][0]["LoadBalancerArn"]
    return Recorder(aws, "subnet-0123456789abcdef0", "sg-0123456789abcdef0", CLUSTER, group, balancer, seeded, True)


@pytest.mark.parametrize("service", SCRIPTS)
def test_moto_gives_the_same_answers(service: str, local: Recorder, moto: Recorder) -> None:
    known = set(local.heard)
    for script in SCRIPTS[service]:
        script(local)
        script(moto)
    unexplained: list[str] = []
    for label in [label for label in local.heard if label not in known]:
        ours, theirs = local.heard[label], moto.heard[label]
        differences = {f"only here: {path}" for path in ours - theirs} | {
            f"only moto: {path}" for path in theirs - ours
        }
        reasons = []
        for difference in sorted(differences):
            entry = next((entry for entry in ALLOWED if entry.fits(label, difference)), None)
            if entry is None:
                unexplained.append(f"{label}: {difference}")
                continue
            USED.add(entry)
            if entry.why not in reasons:
                reasons.append(entry.why)
        verdict = "same" if not differences else f"differs (allowed: {'; '.join(reasons)})"
        COMPARED.append(
            (f"{service} {label}", "DIFFERS" if any(u.startswith(f"{label}: ") for u in unexplained) else verdict)
        )
    assert not unexplained, "differences to moto without a reason:\n" + "\n".join(unexplained)


def test_every_allowance_is_needed() -> None:
    compared = {call.split()[0] for call, _ in COMPARED}
    if compared == set(SCRIPTS):
        unneeded = [entry for entry in ALLOWED if entry.is_certain and entry not in USED]
        assert not unneeded, "these differences are gone: take them off the list"
    else:
        pytest.skip("not every service was compared in this run")

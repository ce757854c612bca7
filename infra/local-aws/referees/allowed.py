"""Where the stand-in and moto differ, and why the stand-in is right: (call, beginning of the difference) → reason."""

from __future__ import annotations

NO_VPC = "there is no VPC here, and these members are optional"
FORWARD = "AWS answers ForwardConfig for every forward action; moto answers what it was given"
HTTPS_ONLY = "SslPolicy and AlpnPolicy belong to listeners with TLS"

ALLOWED: dict[tuple[str, str], str] = {
    ("DescribeTargetGroups", "only moto: .TargetGroups[].VpcId"): NO_VPC,
    ("DescribeLoadBalancers", "only moto: .LoadBalancers[].AvailabilityZones[]"): NO_VPC,
    ("DescribeLoadBalancers", "only moto: .LoadBalancers[].CanonicalHostedZoneId"): NO_VPC,
    ("DescribeLoadBalancers", "only moto: .LoadBalancers[].VpcId"): NO_VPC,
    (
        "DescribeLoadBalancers",
        "only here: .LoadBalancers[].Scheme",
    ): "AWS always answers a scheme; moto answers what it was given",
    ("DescribeListeners", "only here: .Listeners[].DefaultActions[].ForwardConfig"): FORWARD,
    ("DescribeListeners", "only moto: .Listeners[].AlpnPolicy"): HTTPS_ONLY,
    ("DescribeListeners", "only moto: .Listeners[].SslPolicy"): HTTPS_ONLY,
}

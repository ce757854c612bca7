"""Where the emulator and moto differ, and why the emulator is right. Every entry must be needed: the list cannot grow
old."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Allowance:
    """Differences of some calls, by how they begin."""

    calls: tuple[str, ...]
    differences: tuple[str, ...]
    why: str
    # Whether the difference is there depends on how far a task or a service has come.
    is_certain: bool = True

    def fits(self, call: str, difference: str) -> bool:
        """`call` is given by its label or by the first word of it."""
        return (call in self.calls or call.split()[0] in self.calls) and difference.startswith(self.differences)


def here(prefix: str, *members: str) -> tuple[str, ...]:
    """Members that the emulator has and moto does not."""
    return tuple(f"only here: {prefix}{member}" for member in members or ("",))


def moto(prefix: str, *members: str) -> tuple[str, ...]:
    """The other way round."""
    return tuple(f"only moto: {prefix}{member}" for member in members or ("",))


GIVEN = "AWS always answers these; moto only what it was given"
TLS = "these belong to listeners with TLS"
NO_VPC = "optional, and there is no VPC here"
CRASHES = "moto fails on this call itself"

SERVICE = (
    "availabilityZoneRebalancing",
    "createdAt",
    "createdBy",
    "currentServiceDeployment",
    "currentServiceRevisions",
    "deploymentConfiguration",
    "deployments[].platformVersion",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "placementConstraints",
    "placementStrategy",
    "platformFamily",
    "platformVersion",
)
TASK = (
    "attributes",
    "availabilityZone",
    "containers[].networkBindings",
    "cpu",
    "createdAt",
    "enableExecuteCommand",
    "ephemeralStorage",
    "healthStatus",
    "memory",
    "overrides.",
    "platformFamily",
    "platformVersion",
    "version",
)
# What a task has once it was somewhere.
TRAVELLED = (
    "containers[].healthStatus",
    "containers[].imageDigest",
    "containers[].networkInterfaces",
    "containers[].reason",
    "containers[].runtimeId",
    "connectivity",
    "executionStoppedAt",
    "pullStartedAt",
    "pullStoppedAt",
    "startedAt",
    "stopCode",
    "stoppedAt",
    "stoppingAt",
)
CONTAINER = "taskDefinition.containerDefinitions[]."
DEFINITION = (
    f"{CONTAINER}portMappings[].hostPort",
    f"{CONTAINER}portMappings[].protocol",
    f"{CONTAINER}systemControls",
    "taskDefinition.registeredAt",
    "taskDefinition.registeredBy",
    "taskDefinition.requiresAttributes",
    "taskDefinition.deregisteredAt",
)
DEFINITIONS = ("RegisterTaskDefinition", "DescribeTaskDefinition", "DeregisterTaskDefinition")
SERVICES = ("CreateService", "UpdateService", "DeleteService", "DescribeServices")

ALLOWED = [
    Allowance(("DescribeTargetGroups",), moto(".TargetGroups[].", "VpcId"), NO_VPC),
    Allowance(
        ("DescribeLoadBalancers",),
        moto(".LoadBalancers[].", "AvailabilityZones[]", "CanonicalHostedZoneId", "VpcId"),
        NO_VPC,
    ),
    Allowance(("DescribeLoadBalancers",), here(".LoadBalancers[].", "Scheme"), GIVEN),
    Allowance(("DescribeListeners",), here(".Listeners[].DefaultActions[].", "ForwardConfig"), GIVEN),
    Allowance(("DescribeListeners",), moto(".Listeners[].", "AlpnPolicy", "SslPolicy"), TLS),
    Allowance(
        ("PutImage no layers",),
        ("only here: error LayersNotFoundException 400", "only moto: ."),
        "ECR refuses a manifest whose layers it does not have; moto never looks",
    ),
    Allowance(
        ("DeleteRepository",),
        moto(".repository.", "encryptionConfiguration", "imageScanningConfiguration"),
        "optional, and not in the answer that ECR's API reference shows",
    ),
    Allowance(("GetLifecyclePolicy",), moto(".", "lastEvaluatedAt"), "policies are kept, not carried out"),
    Allowance(
        ("DescribeClusters",),
        here(".clusters[].", "capacityProviders", "defaultCapacityProviderStrategy", "statistics", "tags"),
        GIVEN,
    ),
    Allowance(("DescribeClusters",), moto(".clusters[].settings[]"), "ECS answers settings where SETTINGS is included"),
    Allowance(DEFINITIONS, here(".", *DEFINITION), GIVEN),
    Allowance(("RegisterTaskDefinition tags",), here(".tags"), "ECS answers the tags that it was given"),
    Allowance(("DescribeLogGroups",), here(".logGroups[].logGroupClass"), GIVEN),
    Allowance(
        ("FilterLogEvents",),
        moto(".searchedLogStreams[]"),
        "no longer supported by CloudWatch Logs: the list is empty since May 2020",
    ),
    Allowance(
        ("RegisterTaskDefinition bad sizes",),
        ("only here: error ClientException 400", "only moto: ."),
        "Fargate has a table of sizes; moto does not look at it",
    ),
    Allowance(SERVICES, here(".service.", *SERVICE) + here(".services[].", *SERVICE), GIVEN),
    Allowance(
        SERVICES,
        here(".service.", "events[]") + here(".services[].", "events[]"),
        "moto has no scheduler, so nothing ever happens",
        is_certain=False,
    ),
    Allowance(
        SERVICES,
        moto(".service.", "tags", "taskSets") + moto(".services[].", "taskSets"),
        "tags where they are requested, task sets with deployment controllers that have them",
    ),
    Allowance(("RunTask", "StopTask", "DescribeTasks"), here(".task.", *TASK) + here(".tasks[].", *TASK), GIVEN),
    Allowance(
        ("RunTask", "StopTask", "DescribeTasks"),
        here(".task.", *TRAVELLED) + here(".tasks[].", *TRAVELLED),
        "tasks are real here: what became of them is known",
    ),
    Allowance(
        ("RunTask", "StopTask", "DescribeTasks"),
        moto(".task.", "containers[].exitCode", "startedBy")
        + moto(".tasks[].", "containers[].exitCode", "startedBy", "stoppedReason"),
        "there is no exit code, stopper and reason are absent before a stop",
    ),
    Allowance(("DescribeTasks",), here(".failures[]"), "ECS names every task that it does not know; moto drops it"),
    Allowance(
        ("StopTask missing",), ("only here: error InvalidParameterException 400", "only moto: error 500"), CRASHES
    ),
]

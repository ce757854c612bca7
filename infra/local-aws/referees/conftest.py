"""The fixtures: one daemon for all tests of the API, one referee for the whole run, and the tables at its end."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
# Nothing of the caller's: no profile, no keys, no region, no metadata service.
for _name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[_name]
os.environ |= {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}

from clients import Aws, Cli, log_in  # noqa: E402
from definitions import PAGE  # noqa: E402
from docker_cli import PREFIX, Docker, root_of_busybox  # noqa: E402
from referee import Referee  # noqa: E402
from same_calls import COMPARED  # noqa: E402
from stand_in import REGION, StandIn, variable  # noqa: E402

REFEREE = Referee()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Whatever a fixture heard counts as well."""
    return (yield from _refereed())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test fails if AWS could not have sent one of the answers it got."""
    return (yield from _refereed())


def _refereed() -> Iterator[None]:
    before = len(REFEREE.complaints)
    result = yield
    found = list(dict.fromkeys(REFEREE.complaints[before:]))
    assert not found, "answers that botocore's models do not allow:\n" + "\n".join(found)
    return result


@pytest.fixture(scope="session")
def referee() -> Referee:
    return REFEREE


@pytest.fixture(scope="session")
def make_stand_in(image: str) -> Iterator[Callable[..., StandIn]]:
    """Makes daemons that are removed at the end, before the image is, each with the proof that it left nothing."""
    made: list[StandIn] = []

    def make(**options: Any) -> StandIn:
        made.append(StandIn(**options))
        return made[-1]

    yield make
    for stand_in in made:
        stand_in.remove()


@pytest.fixture(scope="session")
def stand_in(make_stand_in: Callable[..., StandIn]) -> StandIn:
    """The daemon that most tests share."""
    return make_stand_in().start()


@pytest.fixture(scope="session")
def aws(stand_in: StandIn) -> Aws:
    """boto3, refereed."""
    return Aws(stand_in.endpoint, REGION, REFEREE)


@pytest.fixture(scope="session")
def cli(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The AWS CLI, refereed."""
    return Cli(stand_in.endpoint, REGION, REFEREE, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Docker:
    """The user's `docker`, with a configuration that ends with the run."""
    return Docker(variable("SLIPWAY_TEST_ENGINE"), tmp_path_factory.mktemp("docker"))


@pytest.fixture(scope="session")
def image(docker: Docker) -> Iterator[str]:
    """A small image in the engine: busybox and the front's script. Ends with the run, under all of its names."""
    name = f"{PREFIX}:{os.getpid()}"
    docker("import", "-", name, given=root_of_busybox(Path(variable("SLIPWAY_TEST_BUSYBOX")), PAGE))
    image_id = docker("image", "inspect", "--format", "{{.Id}}", name)
    yield name
    docker("image", "rm", "--force", image_id)


@pytest.fixture(scope="session")
def login(aws: Aws, docker: Docker, stand_in: StandIn) -> Callable[[], None]:
    """Logs docker in with a fresh token of boto3's."""
    return lambda: log_in(aws, docker, stand_in)


@pytest.fixture(scope="session")
def seeded(login: Callable[[], None], docker: Docker, image: str, stand_in: StandIn) -> Iterator[str]:
    """The small image in a repository of the seed; gives its reference."""
    reference = f"{stand_in.registry}/slipway/seeded:one"
    login()
    docker("tag", image, reference)
    docker("push", reference)
    yield reference
    docker("image", "rm", "--force", reference)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was held against the models, and against moto."""
    print_line = terminalreporter.write_line
    terminalreporter.section("answers held against botocore's service models")
    for (service, operation), outcomes in sorted(REFEREE.heard.items()):
        counted = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).most_common())
        print_line(f"{service:6} {operation:34} {counted}")
    total = sum(map(len, REFEREE.heard.values()))
    print_line(f"{total} answers to {len(REFEREE.heard)} operations; {len(REFEREE.complaints)} complaints")
    if COMPARED:
        terminalreporter.section("the same calls to moto")
        for call, verdict in COMPARED:
            print_line(f"{call:52} {verdict}")

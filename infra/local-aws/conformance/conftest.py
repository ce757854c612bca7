"""The fixtures: one daemon for all tests of the API, one judge for the whole run, and the tables at its end."""

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
from judge import Judge  # noqa: E402
from same_calls import COMPARED  # noqa: E402
from emulator import REGION, Emulator, variable  # noqa: E402

JUDGE = Judge()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Whatever a fixture heard counts as well."""
    return (yield from _checked())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test fails if AWS could not have sent one of the answers it got."""
    return (yield from _checked())


def _checked() -> Iterator[None]:
    before = len(JUDGE.complaints)
    result = yield
    found = list(dict.fromkeys(JUDGE.complaints[before:]))
    assert not found, "answers that botocore's models do not allow:\n" + "\n".join(found)
    return result


@pytest.fixture(scope="session")
def judge() -> Judge:
    return JUDGE


@pytest.fixture(scope="session")
def make_emulator(image: str) -> Iterator[Callable[..., Emulator]]:
    """Makes daemons that are removed at the end, before the image is, each with the proof that it left nothing."""
    made: list[Emulator] = []

    def make(**options: Any) -> Emulator:
        made.append(Emulator(**options))
        return made[-1]

    yield make
    for emulator in made:
        emulator.remove()


@pytest.fixture(scope="session")
def emulator(make_emulator: Callable[..., Emulator]) -> Emulator:
    """The daemon that most tests share."""
    return make_emulator().start()


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Aws:
    """boto3, checked."""
    return Aws(emulator.endpoint, REGION, JUDGE)


@pytest.fixture(scope="session")
def cli(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The AWS CLI, checked."""
    return Cli(emulator.endpoint, REGION, JUDGE, tmp_path_factory.mktemp("cli"))


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
def login(aws: Aws, docker: Docker, emulator: Emulator) -> Callable[[], None]:
    """Logs docker in with a fresh token of boto3's."""
    return lambda: log_in(aws, docker, emulator)


@pytest.fixture(scope="session")
def seeded(login: Callable[[], None], docker: Docker, image: str, emulator: Emulator) -> Iterator[str]:
    """The small image in a repository of the seed; gives its reference."""
    reference = f"{emulator.registry}/slipway/seeded:one"
    login()
    docker("tag", image, reference)
    docker("push", reference)
    yield reference
    docker("image", "rm", "--force", reference)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What was held against the models, and against moto."""
    print_line = terminalreporter.write_line
    terminalreporter.section("answers held against botocore's service models")
    for (service, operation), outcomes in sorted(JUDGE.heard.items()):
        counted = ", ".join(f"{count} {outcome}" for outcome, count in Counter(outcomes).most_common())
        print_line(f"{service:9} {operation:34} {counted}")
    total = sum(map(len, JUDGE.heard.values()))
    print_line(f"{total} answers to {len(JUDGE.heard)} operations; {len(JUDGE.complaints)} complaints")
    if COMPARED:
        terminalreporter.section("the same calls to moto")
        for call, verdict in COMPARED:
            print_line(f"{call:52} {verdict}")

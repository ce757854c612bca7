"""The shipped files themselves: gixy's rules, and pairs of values that must agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from front import SHIPPED

CONF = {path.name: path.read_text() for path in [SHIPPED / "nginx.conf", *(SHIPPED / "snippets").glob("*.conf")]}
MAIN = CONF["nginx.conf"]


def seconds(name: str) -> int:
    found = [match for text in CONF.values() for match in re.findall(rf"^\s*{name} (\d+)s;", text, re.M)]
    assert len(found) == 1, f"{name} is set {len(found)} times"
    return int(found[0])


def gixy(config: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("gixy")
    return subprocess.run([str(program), "-f", "json", str(config)], capture_output=True, text=True, check=False)


def beside(front, directory: Path, before: str, after: str) -> Path:
    """The configuration of `front` with one literal changed, in a directory of its own."""
    changed = directory / "nginx.conf"
    text = front.config.read_text()
    assert before in text
    changed.write_text(text.replace(before, after))
    for name in ("snippets", "mime.types"):
        (directory / name).symlink_to(front.config.parent / name)
    return changed


def listening_on(front, directory: Path, port: int) -> Path:
    return beside(front, directory, f"listen 127.0.0.1:{front.port} ", f"listen 127.0.0.1:{port} ")


def test_gixy_finds_nothing(front, tmp_path):
    """On the port that ships: gixy takes each `listen` whose text holds 443 for HTTPS, as one free port in 180 does."""
    result = gixy(listening_on(front, tmp_path, 8080))
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout) == []


def test_gixy_takes_a_port_with_443_for_https(front, tmp_path):
    """Why the test above does not use the port of the day."""
    result = gixy(listening_on(front, tmp_path, 34430))
    assert "weak_ssl_tls" in result.stdout


def test_gixy_would_find_something(front, tmp_path):
    """The check above is worth nothing if gixy does not read the included files."""
    broken = beside(front, tmp_path, "location ^~ /static/ {", "location ^~ /static {")
    result = gixy(broken)
    assert "alias_traversal" in result.stdout


def test_trusted_ranges_are_the_same_twice():
    trust = CONF["trust.conf"]
    real_ip = re.findall(r"^set_real_ip_from (\S+);", trust, re.M)
    scheme = re.findall(r"^\s+(\S+/\d+) 1;", trust, re.M)
    assert real_ip == scheme and len(real_ip) == 5


def test_timeouts_are_in_order():
    """stopTimeout 60 > shutdown > read timeout; the balancer's idle timeout 60 is between read timeout and keep-alive."""
    assert seconds("uwsgi_read_timeout") <= seconds("worker_shutdown_timeout") < 60
    assert seconds("uwsgi_read_timeout") < 60 < seconds("keepalive_timeout")


def test_only_the_server_block_adds_headers():
    """One add_header in a location would drop all the others there."""
    lines = [line for text in CONF.values() for line in text.splitlines() if re.match(r"\s*add_header ", line)]
    assert lines and all(line.startswith(" " * 8 + "add_header") for line in lines)
    assert all(line.endswith(" always;") for line in lines)


def test_every_included_file_exists_and_every_file_is_included():
    included = {name for text in CONF.values() for name in re.findall(r"include snippets/(\S+);", text)}
    assert included == set(CONF) - {"nginx.conf"}


@pytest.mark.parametrize("line", ["USER 101:101", "STOPSIGNAL SIGQUIT", "EXPOSE 8080", "VOLUME /tmp", "ENTRYPOINT []"])
def test_image_states(line):
    assert line in (SHIPPED / "Dockerfile").read_text().splitlines()


def test_image_runs_nothing_while_it_is_built():
    instructions = {line.split()[0] for line in (SHIPPED / "Dockerfile").read_text().splitlines() if line and line[0].isupper()}
    assert instructions == {"FROM", "COPY", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "ENTRYPOINT", "CMD"}

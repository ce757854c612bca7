"""SIGQUIT, which is what the image's STOPSIGNAL sends: what is in flight ends well, then nginx exits 0."""

from __future__ import annotations

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from backend import Answer


def test_requests_in_flight_are_finished(make_front):
    front, backend = make_front()
    arrived = threading.Semaphore(0)

    def slow(_):
        arrived.release()
        time.sleep(1.5)
        return Answer(body=b"done")

    backend.handler = slow
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(front.get, f"/admin/{number}") for number in range(20)]
        for _ in answers:
            assert arrived.acquire(timeout=10)
        front.signal(signal.SIGQUIT)
        began = time.monotonic()
        assert [(answer.result().status, answer.result().body) for answer in answers] == [(200, b"done")] * 20
    assert front.wait(5) == 0
    assert time.monotonic() - began < 5
    with pytest.raises(OSError):
        front.get("/nginx-health")


def test_idle_connections_do_not_hold_it_up(make_front):
    front, _ = make_front()
    with socket.create_connection(("127.0.0.1", front.port), 10) as idle:
        idle.sendall(b"GET /nginx-health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert idle.recv(4096).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        front.signal(signal.SIGQUIT)
        assert front.wait(5) == 0
        assert time.monotonic() - began < 3


def test_a_request_that_never_ends_does_not_hold_it_for_ever(make_front):
    front, backend = make_front({"worker_shutdown_timeout 55s;": "worker_shutdown_timeout 1s;"})
    release = threading.Event()

    def stuck(_):
        release.wait(20)
        return Answer()

    backend.handler = stuck
    client = threading.Thread(target=_ignore, args=(front,))
    client.start()
    while not backend.requests:
        time.sleep(0.02)
    front.signal(signal.SIGQUIT)
    assert front.wait(6) == 0
    release.set()
    client.join()
    # nginx itself writes 000 for a request that was cut, which would not be a JSON number.
    assert front.log_of("/admin/")["status"] == 0


def _ignore(front) -> None:
    try:
        front.get("/admin/")
    except OSError:
        pass
    except Exception as error:  # http.client names a cut connection in several ways.
        assert "closed" in str(error) or "Remote" in type(error).__name__

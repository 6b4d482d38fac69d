"""Downloads from a server that drops, lies, forgets and asks to wait."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from loopback import Fault, Loopback, closed_port, serving
from mrtoct.errors import FileError
from mrtoct.io.download import DownloadSettings, UnreachableError, download


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as place:
        yield place


CONTENT = np.random.default_rng(8).bytes(700_000)
OTHER = np.random.default_rng(9).bytes(650_000)
ONCE = DownloadSettings(attempts=1, timeout=5)


class Get:
    """Download scan.gz and note the waits that were asked for."""

    def __init__(self, server: Loopback, folder: Path) -> None:
        self.server, self.target = server, folder / "scan.gz"
        self.waits: list[float] = []
        server.files["scan.gz"] = CONTENT

    def __call__(self, settings: DownloadSettings = DownloadSettings(timeout=5)) -> bytes:
        with httpx.Client(timeout=settings.timeout, follow_redirects=True) as client:
            url = self.server.base + "scan.gz"
            download(client, url, self.target, settings, wait=self.waits.append)
        assert [p.name for p in self.target.parent.iterdir()] == ["scan.gz"]
        return self.target.read_bytes()

    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for _, headers in self.server.requests]

    def part(self) -> bytes:
        return (self.target.parent / "scan.gz.part").read_bytes()


@pytest.fixture
def get(server: Loopback, tmp_path: Path) -> Get:
    return Get(server, tmp_path / "new")


def test_a_whole_file_arrives(get: Get) -> None:
    assert get() == CONTENT
    assert get.waits == []


@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_is_continued_where_it_was(get: Get, reset: bool) -> None:
    get.server.faults["scan.gz"] = [Fault(after=300_000, reset=reset), Fault(after=200_000)]
    assert get() == CONTENT
    assert len(get.server.requests) == 3
    first, second, third = get.ranges()
    assert first is None and second and third
    assert int(second[6:-1]) <= 300_000  # a reset may cost what lay in buffers
    assert int(third[6:-1]) == int(second[6:-1]) + 200_000
    assert get.waits == [1.0, 1.0]  # each attempt brought something: the count starts anew
    if not reset:
        assert get.server.sent == len(CONTENT)


def test_the_next_run_continues(get: Get) -> None:
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    with pytest.raises(FileError, match=r"scan\.gz"):
        get(ONCE)
    assert not get.target.exists()
    assert get.part() == CONTENT[:500_000]
    assert get(ONCE) == CONTENT
    assert get.ranges() == [None, "bytes=500000-"]


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("same_size", [True, False])
def test_a_part_of_another_version_is_not_continued(
    get: Get, if_range: bool, same_size: bool
) -> None:
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    with pytest.raises(FileError):
        get(ONCE)
    other = (OTHER + OTHER)[: len(CONTENT)] if same_size else OTHER
    get.server.files["scan.gz"] = other
    get.server.if_range = if_range  # a server may know ranges but not their condition
    assert get() == other


def test_a_file_that_became_shorter_than_the_part_starts_anew(get: Get) -> None:
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    with pytest.raises(FileError):
        get(ONCE)
    get.server.files["scan.gz"] = OTHER[:1000]
    get.server.if_range = False
    assert get() == OTHER[:1000]


def test_a_server_that_ignores_ranges_sends_all_of_it(get: Get) -> None:
    get.server.ranges = False
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    assert get() == CONTENT
    assert get.server.sent == 500_000 + len(CONTENT)


def test_dropping_for_ever_without_ranges_ends(get: Get) -> None:
    get.server.ranges = False
    get.server.faults["scan.gz"] = [Fault(after=500_000)] * 20
    with pytest.raises(FileError, match="5 attempts"):
        get()
    assert len(get.server.requests) == 5


def test_without_a_validator_nothing_is_continued(get: Get) -> None:
    get.server.validators = ()
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    assert get() == CONTENT
    assert get.ranges() == [None, None]


@pytest.mark.parametrize(("weak", "expected"), [(True, "Wed, 01"), (False, '"')])
def test_the_condition_is_a_strong_validator(get: Get, weak: bool, expected: str) -> None:
    get.server.weak = weak
    get.server.faults["scan.gz"] = [Fault(after=500_000)]
    assert get() == CONTENT
    assert get.server.requests[1][1]["If-Range"].startswith(expected)


def test_not_found_is_asked_for_once(get: Get) -> None:
    del get.server.files["scan.gz"]
    with pytest.raises(FileError, match=r"scan\.gz: the server answers 404"):
        get()
    assert len(get.server.requests) == 1
    assert get.waits == []


def test_waits_as_long_as_the_server_asks(get: Get) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    get.server.faults["scan.gz"] = [
        Fault(503, {"Retry-After": "7"}),
        Fault(429, {"Retry-After": soon}),
        Fault(503, {"Retry-After": "nonsense"}),
    ]
    assert get() == CONTENT
    assert get.waits[0] == 7.0
    assert 25 < get.waits[1] <= 30
    assert get.waits[2] == 4.0  # its own third pause


def test_does_not_wait_for_an_hour(get: Get) -> None:
    get.server.faults["scan.gz"] = [Fault(503, {"Retry-After": "3600"})]
    with pytest.raises(FileError, match="asks to wait 3600 s"):
        get()
    assert get.waits == []


def test_gives_up_after_some_attempts(get: Get) -> None:
    get.server.faults["scan.gz"] = [Fault(500)] * 9
    with pytest.raises(FileError, match=r"500 .*5 attempts"):
        get()
    assert get.waits == [1, 2, 4, 8]


def test_nobody_there(get: Get) -> None:
    get.server.base = f"http://127.0.0.1:{closed_port()}/"
    with pytest.raises(UnreachableError, match="no connection"):
        get()
    assert get.waits == [1, 2, 4, 8]


def test_a_silent_server_is_left(get: Get) -> None:
    get.server.faults["scan.gz"] = [Fault(after=100_000, stall=5)]
    assert get(DownloadSettings(timeout=0.2)) == CONTENT
    assert get.ranges() == [None, "bytes=100000-"]


def test_chunks_without_a_size(get: Get) -> None:
    get.server.chunked = True
    get.server.faults["scan.gz"] = [Fault(after=100_000)]
    assert get() == CONTENT


@pytest.mark.parametrize("chunked", [False, True])
def test_more_than_any_scan_is_refused(get: Get, chunked: bool) -> None:
    get.server.chunked = chunked
    with pytest.raises(FileError, match=r"scan\.gz"):
        get(DownloadSettings(most_bytes=600_000))
    assert not get.target.exists()
    assert len(get.server.requests) == 1


def test_follows_a_gateway_to_its_other_address(get: Get) -> None:
    get.server.files["elsewhere.gz"] = OTHER
    get.server.faults["scan.gz"] = [Fault(302, {"Location": "/elsewhere.gz"})]
    assert get() == OTHER


def test_is_not_led_out_of_encryption(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://elsewhere.example/scan.gz"})
        return httpx.Response(200, content=CONTENT)

    with (
        httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True) as client,
        pytest.raises(FileError, match="unencrypted"),
    ):
        url = "https://data.example/scan.gz"
        download(client, url, tmp_path / "scan.gz", ONCE, wait=lambda s: None)
    assert list(tmp_path.iterdir()) == []


def test_an_address_of_another_kind(tmp_path: Path) -> None:
    with httpx.Client() as client, pytest.raises(FileError, match="not an http"):
        download(client, "ftp://a.example/b", tmp_path / "b", ONCE, wait=lambda s: None)

"""Asking over HTTP with a watch in the hand: one after another, or from many connections at once."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from functools import partial
from http.client import HTTPConnection, RemoteDisconnected
from itertools import cycle, islice
from typing import NamedTuple, cast

import uvloop

PATIENCE = 600.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """A whole answer and the seconds that it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_byte: float
    seconds: float


class Client:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._conn = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to one request, of any status; servers hang up on those who were silent for long."""
        try:
            return self._send("GET", path, headers)
        except (ConnectionError, RemoteDisconnected):
            self._conn.close()
            return self._send("GET", path, headers)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The answer to a change that must succeed; it is not asked for twice."""
        answer = self._send("POST", path, headers, body)
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path}: {answer.status} {answer.body[:300]!r}")
        return answer

    def _send(self, method: str, path: str, headers: Mapping[str, str] | None, body: bytes | None = None) -> Answer:
        start = time.perf_counter()
        self._conn.request(method, path, body, dict(headers or {}))
        response = self._conn.getresponse()
        pieces = [response.read(1)]
        first = time.perf_counter() - start
        while piece := response.read(1 << 20):
            pieces.append(piece)
        seconds = time.perf_counter() - start
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, b"".join(pieces), first, seconds)

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to one request that must succeed."""
        answer = self.get(path, headers)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.body[:300]!r}")
        return answer


def per_second(
    port: int,
    paths: list[str],
    *,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    connections: int = 16,
    seconds: float = 2.0,
) -> float:
    """How many requests are answered each second, each connection asking again as soon as it has its answer."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"host": f"127.0.0.1:{port}", **(headers or {})}.items())
    requests = [f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode() for path in paths]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(port, requests, status, connections, seconds))


async def _load(port: int, requests: list[bytes], status: int, connections: int, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    askers = []
    for number in range(connections):
        mine = cycle(islice(cycle(requests), number, number + len(requests)))
        _, asker = await loop.create_connection(partial(_Asker, mine, status), "127.0.0.1", port)
        askers.append(asker)
    await asyncio.sleep(seconds / 4)
    start, before = time.perf_counter(), sum(asker.answered for asker in askers)
    await asyncio.sleep(seconds)
    rate = (sum(asker.answered for asker in askers) - before) / (time.perf_counter() - start)
    for asker in askers:
        asker.stop()
        if asker.trouble:
            raise RuntimeError(asker.trouble)
    return rate


class _Asker(asyncio.Protocol):
    """A connection that asks again with every answer; bodies are counted off, not read."""

    def __init__(self, requests: Iterator[bytes], status: int) -> None:
        self.answered = 0
        self.trouble = ""
        self._requests = requests
        self._expected = f"HTTP/1.1 {status} ".encode()
        self._transport: asyncio.WriteTransport | None = None
        self._head = b""
        self._left: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(next(self._requests))

    def data_received(self, data: bytes) -> None:
        if self._left is None:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._head.startswith(self._expected):
                self.trouble = f"Expected {self._expected!r}, got {self._head[:300]!r}"
                self.stop()
                return
            found = _LENGTH.search(self._head, 0, end)
            self._left = (int(found[1]) if found else 0) - (len(self._head) - end - 4)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self.answered += 1
            self._head, self._left = b"", None
            if self._transport is not None:
                self._transport.write(next(self._requests))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self.trouble = self.trouble or f"The server hung up: {exc}"

    def stop(self) -> None:
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.close()

"""A client of one node: connects when it has to, and repeats what is safe to repeat (oap-1.md §8.5, §10.4)."""

import random
import time
from dataclasses import dataclass

from .capability import read_capability
from .connection import Connection, open_connection
from .errors import OapError
from .frame import APP_E2E
from .limits import CALL_SECONDS, CONNECT_SECONDS, PAUSE_SECONDS, TRIES

DEFAULT_URL = 'oap://127.0.0.1:6270'
APP_ECHO = 1


@dataclass(frozen=True)
class Reply:
    """A reply as a whole; `end_to_end` says that the body in it is ciphertext."""

    status: int
    payload: bytes
    end_to_end: bool


class Client:
    """A node at `url`. Not for several threads at once.

    `cap` is a capability in text form, `ca_file` the PEM file that a node on
    `oaps` is trusted by, where that is not the system's. Raises OapError everywhere.
    """

    def __init__(self, url: str = DEFAULT_URL, cap: str = None, ca_file: str = None, name: str = 'python-client/1'):
        self._url, self._ca_file, self._name = url, ca_file, name
        self._cap, self._tenant = read_capability(cap) if cap else (b'', bytes(16))
        self._connection = None
        # Connections that drain, until their exchanges have ended.
        self._draining = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def hello(self) -> dict:
        """What the node says of itself."""
        return self.connection().hello

    def request(self, app: int, op: int, payload: bytes = b'', *, seconds: float = CALL_SECONDS,
                end_to_end: bool = False, repeatable: bool = False) -> Reply:
        """One request and the whole of its reply.

        What the node refused for now is asked again, since it promises that nothing
        was done; after a lost connection only with `repeatable`.
        """
        deadline = time.monotonic() + seconds
        for attempt in range(TRIES):
            try:
                exchange = self.begin(app, op, seconds=deadline - time.monotonic(), end_to_end=end_to_end)
                body = exchange.call(payload)
                return Reply(exchange.status, body, bool(exchange.flags & APP_E2E))
            except OapError as error:
                again = error.retryable and (error.reason != 'connection_lost' or repeatable)
                if not again or attempt == TRIES - 1 or not _pause(error, attempt, deadline):
                    raise
        raise AssertionError('the loop returns or raises')

    def begin(self, app: int, op: int, *, seconds: float = CALL_SECONDS, end_to_end: bool = False):
        """An Exchange to be written and read piece by piece."""
        return self.connection().begin(app, op, time.monotonic() + seconds, end_to_end)

    def echo(self, payload: bytes) -> bytes:
        return self.request(APP_ECHO, 0, payload, repeatable=True).payload

    def ping(self, payload: bytes = b'') -> float:
        """Round trip in seconds."""
        begun = time.monotonic()
        if self.connection().ping(payload, begun + CALL_SECONDS) != payload:
            raise OapError(500, 'bad_response', 'PING came back changed')
        return time.monotonic() - begun

    def connection(self) -> Connection:
        """The connection for new requests; a new one when the node drains or the last one was lost."""
        self._draining = [old for old in self._draining if not old.closed and old.busy]
        if self._connection is not None and (self._connection.closed or self._connection.draining):
            self._draining.append(self._connection)
            self._connection = None
        if self._connection is None:
            deadline = time.monotonic() + CONNECT_SECONDS
            self._connection = open_connection(self._url, self._name, self._cap, self._tenant, self._ca_file, deadline)
        return self._connection

    def close(self) -> None:
        for connection in (self._connection, *self._draining):
            if connection is not None:
                connection.close()


def _pause(error: OapError, attempt: int, deadline: float) -> bool:
    """Waits as the node says; false when there is no time for it."""
    told = error.retry_after_ms
    seconds = told / 1_000 if told is not None else PAUSE_SECONDS * 2**attempt
    seconds *= 1 + random.random() / 4
    if time.monotonic() + seconds >= deadline:
        return False
    time.sleep(seconds)
    return True

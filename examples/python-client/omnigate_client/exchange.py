"""One request and its reply on a connection (oap-1.md §6, §7): states and credit, no socket."""

import struct
from collections import deque

from .errors import bad_response, read_error
from .frame import ACK_REQ, APP_E2E, END, EVENT, REQ, START, WHOLE, Frame
from .limits import CHUNK_BYTES, REPLY_BYTES_MAX, WINDOW_BYTES

OP_CANCEL, OP_CREDIT = 3, 4


class Exchange:
    """A request that was begun. Read its reply with `chunks()` or `collect()`.

    `status` and `flags` are those of the reply, None before it begins.
    """

    def __init__(self, connection, app: int, op: int, corr: int, end_to_end: bool, deadline: float):
        self._connection = connection
        self._app, self._op, self._corr = app, op, corr
        self._flags = REQ | (APP_E2E if end_to_end else 0)
        self.deadline = deadline
        self.status = None
        self.flags = 0
        self._begun = self._sent_all = self._ended = False
        self._error = None
        self._chunks = deque()
        self._send_credit = connection.hello.get('initial_window', WINDOW_BYTES)
        # A frame must fit the credit that the node returns at the latest, half of the window.
        self._chunk_bytes = max(1, min(CHUNK_BYTES, self._send_credit // 2))
        self._receive_credit = self._window = connection.window_bytes
        self._consumed = 0
        self._takes_at_once = False
        self._received = 0
        self.held_bytes = 0

    @property
    def ended(self) -> bool:
        """Nothing more will arrive for it."""
        return self._ended

    def send_whole(self, payload: bytes) -> None:
        """The whole request: in one frame where it fits, else as a stream."""
        if len(payload) <= self._connection.payload_bytes_max:
            self._begun = self._sent_all = True
            self.held_bytes = len(payload)
            self._write(self._flags | WHOLE, payload)
            return
        self.send(payload)
        self.finish()

    def call(self, payload: bytes) -> bytes:
        """The whole request, and all of its reply. Raises OapError.

        The reply may begin before the request ends, and a node that may not send
        does not read for ever; so what arrives meanwhile is taken at once.
        """
        self._takes_at_once = True
        self.send_whole(payload)
        return self.collect()

    def send(self, data: bytes) -> None:
        """A part of the request; waits while the node grants no credit. Sends nothing once the reply has ended."""
        for at in range(0, len(data), self._chunk_bytes):
            chunk = data[at : at + self._chunk_bytes]
            while len(chunk) > self._send_credit and not self._ended:
                self._connection.step(self)
            if self._ended:
                return
            self._send_credit -= len(chunk)
            first = 0 if self._begun else START
            self._begun = True
            self._write(self._flags | first, chunk)

    def finish(self) -> None:
        """Ends the request."""
        if self._sent_all or self._ended:
            return
        self._sent_all = True
        self._write(self._flags | END | (0 if self._begun else START), b'')
        self._begun = True

    def cancel(self) -> None:
        """Tells the node that nobody waits any more; harmless when it has ended."""
        if self._ended or not self._begun:
            return
        self._end(None)
        self._connection.write(Frame(EVENT | WHOLE, OP_CANCEL, 0, self._corr))

    def chunks(self):
        """The payloads of the reply's frames, as they come. Raises OapError when it ends with one."""
        try:
            while True:
                while self._chunks:
                    chunk = self._chunks.popleft()
                    yield chunk
                    if not self._takes_at_once:
                        self._give_back(len(chunk))
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return
                self._connection.step(self)
        finally:
            self.cancel()

    def collect(self, bytes_max: int = REPLY_BYTES_MAX) -> bytes:
        """All of the reply. Raises OapError."""
        parts, total = [], 0
        for chunk in self.chunks():
            total += len(chunk)
            if total > bytes_max:
                raise bad_response(f'the reply has more than {bytes_max} bytes')
            parts.append(chunk)
        return b''.join(parts)

    def take_reply(self, frame: Frame) -> None:
        """A RESP with the corr_id of this exchange."""
        if frame.app != self._app or frame.tenant != self._connection.tenant:
            raise bad_response('a reply is not about its request')
        if frame.code >= 400:
            self._end(read_error(frame.code, frame.payload))
            return
        if bool(frame.flags & START) == (self.status is not None):
            raise bad_response('a reply begins twice, or not at all')
        if frame.flags & START:
            self.status, self.flags = frame.code, frame.flags
        elif frame.code != self.status:
            raise bad_response('a reply changes its status')
        if frame.flags & WHOLE != WHOLE:
            self._receive_credit -= len(frame.payload)
            if self._receive_credit < 0:
                raise bad_response('the node sent more than its credit')
        self._chunks.append(frame.payload)
        if frame.flags & END:
            self._end(None)
        elif self._takes_at_once:
            self._take_at_once(len(frame.payload))
        elif frame.flags & ACK_REQ:
            self._give_back(0, at_once=True)

    def take_credit(self, payload: bytes) -> None:
        """A CREDIT with the corr_id of this exchange."""
        if len(payload) == 4:
            self._send_credit = min(self._send_credit + int.from_bytes(payload, 'big'), 2**53 - 1)

    def fail(self, error: Exception) -> None:
        """The connection is gone."""
        if not self._ended:
            self._end(error)

    def _take_at_once(self, count: int) -> None:
        self._received += count
        if self._received <= REPLY_BYTES_MAX:
            self._give_back(count)

    def _give_back(self, count: int, at_once: bool = False) -> None:
        self._consumed += count
        if self._ended or self._consumed == 0 or (self._consumed < self._window // 2 and not at_once):
            return
        self._receive_credit += self._consumed
        self._connection.write(Frame(EVENT | WHOLE, OP_CREDIT, 0, self._corr, struct.pack('>I', self._consumed)))
        self._consumed = 0

    def _write(self, flags: int, payload: bytes) -> None:
        self._connection.write(Frame(flags, self._op, self._app, self._corr, payload, self._connection.tenant))

    def _end(self, error) -> None:
        self._ended, self._error = True, error
        self._connection.forget(self._corr)

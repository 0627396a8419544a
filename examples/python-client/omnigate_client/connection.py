"""One connection to a node: a socket, HELLO, and the exchanges that are open on it."""

import json
import select
import socket
import ssl
import time
from urllib.parse import urlsplit

from . import messagepack
from .errors import OapError, bad_response, connection_lost, read_error, read_reply
from .exchange import Exchange
from .frame import COMP, EVENT, HEADER_BYTES, MAX_FRAME, REQ, RESP, WHOLE, BadFrame, Decoder, Frame
from .limits import READ_BYTES, WINDOW_BYTES

OP_HELLO, OP_PING, OP_GOAWAY, OP_CANCEL, OP_CREDIT, OP_REVOKED = range(6)
PORTS = {'oap': 6270, 'oaps': 6271}
# All flags but COMP: this client has no zstd (oap-1.md §4.2).
FLAGS = 0xFF & ~COMP


class Connection:
    """Made by `open_connection`. Not for several threads at once.

    `hello` is what the node said of itself, `revocation_seq` its newest sequence,
    `draining` becomes true when the node takes no new requests here (§10.4).
    """

    def __init__(self, sock, tenant: bytes):
        self._sock = sock
        self._decoder = Decoder()
        self._unsent = bytearray()
        self._exchanges = {}
        self._control = {}
        self._next_corr = 1
        self._closed = None
        self.tenant = tenant
        self.window_bytes = WINDOW_BYTES
        self.hello = {}
        self.revocation_seq = 0
        self.draining = False

    @property
    def closed(self) -> bool:
        return self._closed is not None

    @property
    def busy(self) -> bool:
        """Exchanges are open on it."""
        return bool(self._exchanges)

    @property
    def payload_bytes_max(self) -> int:
        """The largest payload of one frame."""
        return self._decoder.max_frame - HEADER_BYTES

    def say_hello(self, client: str, cap: bytes, deadline: float) -> None:
        """The first call on a connection. Raises OapError."""
        body = {
            'client': client,
            'versions': [1],
            'max_frame': MAX_FRAME,
            'initial_window': self.window_bytes,
            'supported_flags': FLAGS,
        }
        reply = self._ask(OP_HELLO, messagepack.pack(body), deadline, cap)
        hello = read_reply(reply)
        if hello.get('version') != 1:
            raise bad_response(f'the node speaks version {json.dumps(hello.get("version"))}, not 1')
        self.hello = hello
        self.revocation_seq = hello.get('revocation_seq', 0)
        self._decoder.max_frame = min(MAX_FRAME, hello.get('max_frame', MAX_FRAME))

    def begin(self, app: int, op: int, deadline: float, end_to_end: bool = False) -> Exchange:
        """A new exchange; nothing is sent yet. Waits while as many are in flight as the node takes."""
        self._make_room(deadline)
        exchange = Exchange(self, app, op, self._corr(), end_to_end, deadline)
        self._exchanges[self._next_corr - 1] = exchange
        return exchange

    def event(self, app: int, op: int, payload: bytes) -> None:
        """A one-way message of one frame (§6.5)."""
        self.write(Frame(EVENT | WHOLE, op, app, self._corr(), payload, self.tenant))

    def ping(self, payload: bytes, deadline: float) -> bytes:
        return self._ask(OP_PING, payload, deadline)

    def write(self, frame: Frame) -> None:
        """Queues a frame and sends what the socket takes."""
        if self._closed is not None:
            raise self._closed
        self._unsent += frame.encode()
        self._send()

    def step(self, waiting: Exchange) -> None:
        """Waits until something arrived or was sent; ends the exchange that waits at its deadline."""
        try:
            self._step(waiting.deadline)
        except OapError as error:
            if error.reason == 'deadline_exceeded':
                waiting.cancel()
            raise

    def forget(self, corr: int) -> None:
        self._exchanges.pop(corr, None)

    def close(self, error: OapError = None) -> None:
        """Ends the connection; exchanges that are open fail."""
        if self._closed is not None:
            return
        self._closed = error or OapError(503, 'client_closed', 'the connection was closed')
        for exchange in list(self._exchanges.values()):
            exchange.fail(self._closed)
        self._sock.close()

    def _corr(self) -> int:
        corr = self._next_corr
        self._next_corr += 1
        return corr

    def _make_room(self, deadline: float) -> None:
        """§10.1: a client waits instead of meeting the bounds of the node."""
        most = self.hello.get('max_inflight', 1_024)
        bytes_max = self.hello.get('max_inflight_bytes', 16_777_216) - self._decoder.max_frame
        while len(self._exchanges) >= most or sum(x.held_bytes for x in self._exchanges.values()) > bytes_max:
            self._step(deadline)

    def _ask(self, op: int, payload: bytes, deadline: float, cap: bytes = b'') -> bytes:
        corr = self._corr()
        self._control[corr] = None
        # The tenant of a HELLO belongs to its capability (§4.2).
        tenant = self.tenant if cap else bytes(16)
        try:
            self.write(Frame(REQ | WHOLE, op, 0, corr, payload, tenant, cap))
            while self._control[corr] is None:
                self._step(deadline)
            reply = self._control[corr]
        finally:
            del self._control[corr]
        if reply.code >= 400:
            raise read_error(reply.code, reply.payload)
        return reply.payload

    def _step(self, deadline: float) -> None:
        if self._closed is not None:
            raise self._closed
        left = deadline - time.monotonic()
        if left <= 0:
            raise OapError(504, 'deadline_exceeded', 'no reply in time; the outcome is unknown')
        # TLS may hold bytes that no select can see.
        if not getattr(self._sock, 'pending', lambda: 0)():
            readable, writable, _ = select.select([self._sock], [self._sock] if self._unsent else [], [], left)
            if writable:
                self._send()
            if not readable:
                return
        try:
            data = self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as problem:
            self._fail(connection_lost(str(problem)))
        if not data:
            self._fail(connection_lost('the node closed the connection'))
        self._receive(data)

    def _receive(self, data: bytes) -> None:
        self._decoder.feed(data)
        try:
            while (frame := self._decoder.next()) is not None:
                self._dispatch(frame)
        except BadFrame as fault:
            self._fail(bad_response(f'the node sent what cannot be read: {fault}'))
        except OapError as error:
            self._fail(error)

    def _dispatch(self, frame: Frame) -> None:
        kind = frame.flags & (REQ | RESP | EVENT)
        if kind == RESP:
            if frame.app == 0 and frame.corr in self._control:
                self._control[frame.corr] = frame
            elif frame.corr in self._exchanges:
                self._exchanges[frame.corr].take_reply(frame)
            elif frame.app == 0 and frame.code >= 400:
                # About the connection and not about a request (§8.1).
                raise read_error(frame.code, frame.payload)
            elif frame.corr >= self._next_corr:
                raise bad_response('a reply to what was never asked')
        elif kind == EVENT and frame.app == 0:
            self._take_event(frame)
        else:
            raise bad_response('the node sent what a node does not send')

    def _take_event(self, frame: Frame) -> None:
        if frame.code == OP_CREDIT and frame.corr in self._exchanges:
            self._exchanges[frame.corr].take_credit(frame.payload)
        elif frame.code == OP_GOAWAY:
            self.draining = True
        elif frame.code == OP_REVOKED:
            self.revocation_seq = read_reply(frame.payload).get('revocation_seq', self.revocation_seq)

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._sock.send(self._unsent)]
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as problem:
            self._fail(connection_lost(str(problem)))

    def _fail(self, error: OapError):
        self.close(error)
        raise error


def open_connection(url: str, client: str, cap: bytes, tenant: bytes, ca_file, deadline: float) -> Connection:
    """Connects and says HELLO. Raises OapError `connect_failed`, or what the node refused."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or parts.hostname is None:
        raise OapError(400, 'bad_url', f'{url} is not oap://HOST:PORT or oaps://HOST:PORT')
    try:
        address = (parts.hostname, parts.port or PORTS[parts.scheme])
        sock = socket.create_connection(address, max(0.001, deadline - time.monotonic()))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == 'oaps':
            sock = _tls_context(ca_file).wrap_socket(sock, server_hostname=parts.hostname)
            if sock.selected_alpn_protocol() != 'oap/1':
                raise OSError('the node does not speak oap/1 here')
    except OSError as problem:
        raise OapError(503, 'connect_failed', f'{url}: {problem}') from problem
    sock.setblocking(False)
    connection = Connection(sock, tenant)
    try:
        connection.say_hello(client, cap, deadline)
    except OapError:
        connection.close()
        raise
    return connection


def _tls_context(ca_file) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(['oap/1'])
    return context

"""Frames of OAP/1 as data (oap-1.md §3): fields to bytes and back. Knows no socket and no clock."""

import struct
from dataclasses import dataclass

HEADER_BYTES = 38
CAP_BYTES_MAX = 4_096
MAX_FRAME = 1_048_576

REQ, RESP, EVENT, START, END, ACK_REQ, COMP, APP_E2E = (1 << bit for bit in range(8))
WHOLE = START | END
FLAGS_DEFINED = 0x00FF

_HEADER = struct.Struct('>IHHHH16sHQ')


class BadFrame(Exception):
    """What arrived cannot be a frame; `reason` is that of §3.3. The position in the stream is lost."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Frame:
    """One frame. `code` is the operation of a request or event, and the status of a reply."""

    flags: int
    code: int
    app: int
    corr: int
    payload: bytes = b''
    tenant: bytes = bytes(16)
    cap: bytes = b''

    def encode(self) -> bytes:
        """The bytes of the frame. The caller keeps to the max_frame of the connection."""
        length = HEADER_BYTES + len(self.cap) + len(self.payload)
        header = _HEADER.pack(
            length, 1, self.flags, self.code, self.app, self.tenant, len(self.cap), self.corr
        )
        return header + self.cap + self.payload


class Decoder:
    """Cuts a byte stream into frames, however it was split.

    Holds at most one incomplete frame, and of that only what has arrived.
    """

    def __init__(self, max_frame: int = MAX_FRAME):
        self.max_frame = max_frame
        self._bytes = bytearray()

    @property
    def pending_bytes(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        self._bytes += data

    def next(self):
        """The next complete frame, or None when it takes more bytes. Raises BadFrame."""
        have = self._bytes
        # The order of §3.3: each check as soon as its bytes are there.
        if len(have) < 4:
            return None
        length = int.from_bytes(have[:4], 'big')
        if length < HEADER_BYTES:
            raise BadFrame('bad_length')
        if length > self.max_frame:
            raise BadFrame('frame_too_large')
        if len(have) < 6:
            return None
        if int.from_bytes(have[4:6], 'big') != 1:
            raise BadFrame('bad_version')
        if len(have) < HEADER_BYTES:
            return None
        _, _, flags, code, app, tenant, cap_len, corr = _HEADER.unpack_from(have)
        if flags & ~FLAGS_DEFINED:
            raise BadFrame('bad_flags')
        if cap_len > 0 and not flags & START:
            raise BadFrame('cap_on_nonstart')
        if cap_len > CAP_BYTES_MAX:
            raise BadFrame('cap_too_large')
        if HEADER_BYTES + cap_len > length:
            raise BadFrame('bad_cap_len')
        if len(have) < length:
            return None
        cap = bytes(have[HEADER_BYTES : HEADER_BYTES + cap_len])
        payload = bytes(have[HEADER_BYTES + cap_len : length])
        del have[:length]
        return Frame(flags, code, app, corr, payload, tenant, cap)

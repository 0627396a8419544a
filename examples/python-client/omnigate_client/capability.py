"""What a client needs to know of a capability: its bytes, and its tenant (capability-1.md §3, §5)."""

import base64
import binascii

from .errors import OapError

_CAVEAT_TENANT = b'tenant='
_EOS, _IDENTIFIER = 0, 2


def read_capability(text: str):
    """`(bytes, tenant)` of a capability in text form. Raises OapError `cap_malformed`, without its text."""
    try:
        data = base64.b64decode(text.strip() + '=' * (-len(text.strip()) % 4), altchars=b'-_', validate=True)
        return data, _tenant(data)
    except (binascii.Error, ValueError, IndexError):
        raise OapError(400, 'cap_malformed', 'the capability is not one; take the whole line that `ronctl cap mint` prints') from None


def _tenant(data: bytes) -> bytes:
    """The value of the first caveat, which is `tenant=` in every capability."""
    if data[0] != 2:
        raise ValueError('not a macaroon of version 2')
    at = 1
    # The header ends with an empty field; the first section behind it is the first caveat.
    sections = 0
    while True:
        kind, at = data[at], at + 1
        if kind == _EOS:
            sections += 1
            if sections > 1:
                raise ValueError('no caveat')
            continue
        length, at = _varint(data, at)
        value, at = data[at : at + length], at + length
        if sections == 1 and kind == _IDENTIFIER:
            if not value.startswith(_CAVEAT_TENANT):
                raise ValueError('the first caveat is no tenant')
            return bytes.fromhex(value[len(_CAVEAT_TENANT) :].decode())


def _varint(data: bytes, at: int):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 14:
            raise ValueError('a length that no capability has')

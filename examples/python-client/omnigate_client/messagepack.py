"""MessagePack, as much of it as OAP/1 needs (oap-1.md §1): nil, booleans, numbers, text, bytes, arrays, maps."""

import struct

VALUES_MAX = 65_536
DEPTH_MAX = 32


class BadBody(ValueError):
    """The bytes are not one MessagePack value within the bounds of oap-1.md §1."""


def pack(value) -> bytes:
    """One value. Integers may be -2^63 to 2^64 - 1; the keys of maps are text."""
    if value is None:
        return b'\xc0'
    if isinstance(value, bool):
        return b'\xc3' if value else b'\xc2'
    if isinstance(value, int):
        return _pack_integer(value)
    if isinstance(value, float):
        return struct.pack('>Bd', 0xCB, value)
    if isinstance(value, str):
        text = value.encode()
        return _pack_length(len(text), 0xA0, 31, (0xD9, 0xDA, 0xDB)) + text
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _pack_length(len(value), None, 0, (0xC4, 0xC5, 0xC6)) + bytes(value)
    if isinstance(value, (list, tuple)):
        head = _pack_length(len(value), 0x90, 15, (None, 0xDC, 0xDD))
        return head + b''.join(pack(item) for item in value)
    if isinstance(value, dict):
        head = _pack_length(len(value), 0x80, 15, (None, 0xDE, 0xDF))
        return head + b''.join(pack(key) + pack(item) for key, item in value.items())
    raise TypeError(f'{type(value).__name__} has no place in a body')


def _pack_integer(value: int) -> bytes:
    if -32 <= value < 0:
        return struct.pack('>b', value)
    if 0 <= value < 128:
        return bytes([value])
    sizes = 'BHIQ' if value > 0 else 'bhiq'
    for index, size in enumerate(sizes):
        try:
            return bytes([(0xCC if value > 0 else 0xD0) + index]) + struct.pack('>' + size, value)
        except struct.error:
            continue
    raise ValueError(f'{value} does not fit 64 bits')


def _pack_length(length: int, fixed, fixed_max: int, markers) -> bytes:
    if fixed is not None and length <= fixed_max:
        return bytes([fixed | length])
    for marker, size, most in zip(markers, 'BHI', (0xFF, 0xFFFF, 0xFFFFFFFF)):
        if marker is not None and length <= most:
            return bytes([marker]) + struct.pack('>' + size, length)
    raise ValueError('too long for MessagePack')


def unpack(data: bytes):
    """The one value that the bytes hold. Raises BadBody."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise BadBody('bytes behind the value')
    return value


def unpack_map(data: bytes) -> dict:
    """The one map that the bytes hold. Raises BadBody."""
    value = unpack(data)
    if not isinstance(value, dict):
        raise BadBody('not a map')
    return value


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0
        self.values = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self.data):
            raise BadBody('cut off')
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def number(self, form: str):
        return struct.unpack('>' + form, self.take(struct.calcsize('>' + form)))[0]

    def value(self, depth: int):
        self.values += 1
        if self.values > VALUES_MAX:
            raise BadBody('too many values')
        first = self.number('B')
        if first < 0x80:
            return first
        if first < 0x90:
            return self.map(first & 15, depth)
        if first < 0xA0:
            return self.array(first & 15, depth)
        if first < 0xC0:
            return self.text(first & 31)
        if first >= 0xE0:
            return first - 256
        if first in _SIMPLE:
            return _SIMPLE[first]
        if first in _NUMBERS:
            return self.number(_NUMBERS[first])
        if first in _LENGTHS:
            kind, form = _LENGTHS[first]
            length = self.number(form)
            if kind == 'text':
                return self.text(length)
            if kind == 'bytes':
                return bytes(self.take(length))
            return self.array(length, depth) if kind == 'array' else self.map(length, depth)
        raise BadBody(f'byte {first:02x} begins no value that is allowed')

    def text(self, length: int) -> str:
        try:
            return str(self.take(length), 'utf-8')
        except UnicodeDecodeError:
            raise BadBody('text is not UTF-8') from None

    def array(self, length: int, depth: int) -> list:
        self.bound(length, depth)
        return [self.value(depth + 1) for _ in range(length)]

    def map(self, length: int, depth: int) -> dict:
        self.bound(length * 2, depth)
        found = {}
        for _ in range(length):
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise BadBody('a key is not text')
            found[key] = self.value(depth + 1)
        return found

    def bound(self, values: int, depth: int) -> None:
        """Before anything is reserved: each value takes a byte at least."""
        if depth >= DEPTH_MAX or values > len(self.data) - self.at:
            raise BadBody('deeper or longer than a body can be')


_SIMPLE = {0xC0: None, 0xC2: False, 0xC3: True}
_NUMBERS = dict(zip(range(0xCA, 0xD4), 'fdBHIQbhiq'))
_LENGTHS = {
    **{0xC4 + index: ('bytes', form) for index, form in enumerate('BHI')},
    **{0xD9 + index: ('text', form) for index, form in enumerate('BHI')},
    **{0xDC + index: ('array', form) for index, form in enumerate('HI')},
    **{0xDE + index: ('map', form) for index, form in enumerate('HI')},
}

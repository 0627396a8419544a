"""The vectors of the specifications, for `test_vectors.py`."""

import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parents[3] / 'specs' / 'vectors'


def vectors(name: str, kind: str = None) -> list:
    """The vectors of a file, of one kind where the file has several."""
    found = json.loads((FOLDER / f'{name}.json').read_text())['vectors']
    return [vector for vector in found if kind is None or vector['kind'] == kind]


def bytes_of(parts) -> bytes:
    """Bytes as the vectors write them: hexadecimal, or a list of parts."""
    if isinstance(parts, str):
        return bytes.fromhex(parts)
    return b''.join(
        bytes.fromhex(part['fill']) * part['bytes'] if 'fill' in part else bytes.fromhex(part['hex']) * part.get('times', 1)
        for part in parts
    )

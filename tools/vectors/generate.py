#!/usr/bin/env python3
"""Writes specs/vectors/*.json and the examples in the specifications.

With --check it writes nothing and fails when a file is not what it would
write. It needs Python 3.9 and nothing else, reads the specification only
through its author, and shares no code with the TypeScript packages.
"""

import json
import pathlib
import re
import sys

sys.dont_write_bytecode = True

from body_vectors import errors, hellos
from capability_vectors import capabilities, example
from compression_vectors import compressions
from conversation_vectors import conversations, transcript
from frame_vectors import decodes, frames
from mailbox_vectors import mailbox
from storage_vectors import storage

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = ROOT / "specs" / "oap-1.md"
CAPABILITY_SPEC = ROOT / "specs" / "capability-1.md"
MAILBOX_SPEC = ROOT / "specs" / "mailbox-1.md"
STORAGE_SPEC = ROOT / "specs" / "storage-1.md"


def render(kind, vectors, spec=SPEC, **more):
    """One vector a line, so that a change is a line of a diff."""
    names = [vector["name"] for vector in vectors]
    if len(set(names)) != len(names):
        raise SystemExit(f"{kind}: names are not unique")
    lines = ",\n".join("    " + json.dumps(vector) for vector in vectors)
    head = f'  "$schema": "./vectors.schema.json",\n  "kind": "{kind}",\n  "spec": "specs/{spec.name}",\n'
    head += "".join(f'  "{name}": {json.dumps(value)},\n' for name, value in more.items())
    return "{\n" + head + '  "vectors": [\n' + lines + "\n  ]\n}\n"


def render_transcript(spec):
    lines = []
    for name, side, wire in transcript():
        lines += [f"{side} {name}, {len(wire)} bytes"]
        cuts = [0, 4, 6, 8, 10, 12, 28, 30, 38, *range(54, len(wire), 16), len(wire)]
        labels = ["len", "ver", "flags", "code", "app_proto_id", "tenant_id", "cap_len", "corr_id", "payload"]
        for index, (start, end) in enumerate(zip(cuts, cuts[1:])):
            text = wire[start:end].hex(" ")
            note = labels[index] if index < len(labels) else ""
            value = int.from_bytes(wire[start:end], "big")
            lines.append(f"  {text:<48}{note} {value}".rstrip() if index < 8 else f"  {text:<48}{note}".rstrip())
        lines.append("")
    block = "<!-- transcript -->\n```text\n" + "\n".join(lines).rstrip() + "\n```\n<!-- /transcript -->"
    return re.sub(r"<!-- transcript -->.*<!-- /transcript -->", lambda _: block, spec, flags=re.S)


def render_example(spec):
    block = "<!-- example -->\n" + example() + "\n<!-- /example -->"
    return re.sub(r"<!-- example -->.*<!-- /example -->", lambda _: block, spec, flags=re.S)


def outputs():
    folder = ROOT / "specs" / "vectors"
    for kind, vectors in (
        ("frames", frames()),
        ("decode", decodes()),
        ("hello", hellos()),
        ("errors", errors()),
        ("compression", compressions()),
        ("conversations", conversations()),
    ):
        yield folder / f"{kind}.json", render(kind, vectors)
    keys, vectors = capabilities()
    yield folder / "capability.json", render("capability", vectors, CAPABILITY_SPEC, **keys)
    yield folder / "mailbox.json", render("mailbox", mailbox(), MAILBOX_SPEC)
    yield folder / "storage.json", render("storage", storage(), STORAGE_SPEC)
    yield SPEC, render_transcript(SPEC.read_text())
    yield CAPABILITY_SPEC, render_example(CAPABILITY_SPEC.read_text())


def main(is_check):
    stale = [path for path, text in outputs() if not path.exists() or path.read_text() != text]
    if is_check and stale:
        raise SystemExit("not what tools/vectors/generate.py writes: " + ", ".join(p.name for p in stale))
    for path, text in outputs() if stale else ():
        path.write_text(text)


if __name__ == "__main__":
    main("--check" in sys.argv[1:])

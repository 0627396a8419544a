"""Does this client agree with the vectors of the specifications? Needs no node."""

import unittest

from omnigate_client import blob, messagepack
from omnigate_client.blake3 import blake3
from omnigate_client.capability import read_capability
from omnigate_client.errors import OapError, read_error, read_reply
from omnigate_client.frame import BadFrame, Decoder, Frame
from omnigate_client.mailbox import messages_of, records_of
from vectors import bytes_of, vectors

# Inputs up to this size are cut at every byte, longer ones around the header and near their ends.
EVERY_SPLIT_BYTES = 400


def splits(length: int):
    if length <= EVERY_SPLIT_BYTES:
        return range(length + 1)
    return sorted({*range(64), length // 2, *range(length - 8, length + 1)})


def decode(wire: bytes, split: int, max_frame: int):
    """(verdict, first frame or reason, bytes left)."""
    decoder = Decoder(max_frame)
    frame = None
    try:
        for part in (wire[:split], wire[split:]):
            decoder.feed(part)
            frame = frame or decoder.next()
    except BadFrame as fault:
        return 'err', fault.reason, None
    return ('need', None, None) if frame is None else ('ok', frame, decoder.pending_bytes)


class Vectors(unittest.TestCase):
    def test_frames(self):
        for vector in vectors('frames'):
            with self.subTest(vector['name']):
                frame = Frame(
                    vector['flags'], vector['code'], vector['app'], int(vector['corr']),
                    bytes_of(vector['payload']), bytes_of(vector['tenant']), bytes_of(vector['cap']),
                )
                wire = bytes_of(vector['wire'])
                self.assertEqual(frame.encode(), wire)
                self.assertEqual(decode(wire, len(wire), len(wire)), ('ok', frame, 0))

    def test_decode_at_every_split(self):
        for vector in vectors('decode'):
            wire = bytes_of(vector['wire'])
            for split in splits(len(wire)):
                with self.subTest(vector['name'], split=split):
                    verdict, found, rest = decode(wire, split, vector['max_frame'])
                    self.assertEqual(verdict, vector['verdict'])
                    if verdict == 'err':
                        self.assertEqual(found, vector['reason'])
                    if verdict == 'ok':
                        self.assertEqual(rest, vector['rest'])
                        self.assertEqual((found.flags, found.corr), (vector['flags'], int(vector['corr'])))

    def test_errors(self):
        for vector in vectors('errors'):
            with self.subTest(vector['name']):
                error = read_error(vector['status'], bytes_of(vector['body']))
                if vector.get('unreadable'):
                    self.assertEqual(error.reason, 'bad_response')
                    continue
                fields = vector['fields']
                self.assertEqual(
                    (error.reason, error.message, error.retry_after_ms, error.detail, error.retryable),
                    (fields['reason'], fields.get('message', ''), fields.get('retry_after_ms'), fields.get('detail', {}), vector['retryable']),
                )

    def test_messagepack_of_hello_requests(self):
        for vector in vectors('hello'):
            body = bytes_of(vector['request'])
            if vector['verdict'] == 'ok' and vector.get('encoding') == 'msgpack' and body:
                with self.subTest(vector['name']):
                    value = messagepack.unpack_map(body)
                    self.assertEqual(messagepack.unpack_map(messagepack.pack(value)), value)

    def test_messagepack_refuses_what_is_cut(self):
        body = messagepack.pack({'a': [1, -1, 2**40, 1.5, None, True, 'text', b'bytes'], 'b': {'c': [[]]}})
        for end in range(len(body)):
            with self.assertRaises(messagepack.BadBody):
                messagepack.unpack(body[:end])
        # Five bytes that claim four thousand million values.
        for claim in (b'\xdd\xff\xff\xff\xff', b'\xdf\xff\xff\xff\xff', b'\xc6\xff\xff\xff\xff'):
            with self.assertRaises(messagepack.BadBody):
                messagepack.unpack(claim)

    def test_messagepack_integers(self):
        for value in (0, 127, 128, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1, -1, -32, -33, -128, -129, -(2**63)):
            self.assertEqual(messagepack.unpack(messagepack.pack(value)), value)

    def test_tenant_of_a_capability(self):
        found = 0
        for vector in vectors('capability', 'chain'):
            caveats = [bytes_of(caveat) for caveat in vector['caveats']]
            if caveats and caveats[0].startswith(b'tenant=') and len(caveats[0]) == 39:
                found += 1
                data, tenant = read_capability(vector['text'])
                self.assertEqual((data, tenant.hex()), (bytes_of(vector['wire']), caveats[0][7:].decode()))
        self.assertGreater(found, 0)


class MailboxVectors(unittest.TestCase):
    def test_requests_are_packed_alike(self):
        for vector in vectors('mailbox', 'request'):
            if vector['verdict'] == 'ok':
                with self.subTest(vector['name']):
                    body = bytes_of(vector['body'])
                    self.assertEqual(messagepack.pack(messagepack.unpack_map(body)), body)

    def test_messages(self):
        for vector in vectors('mailbox', 'messages'):
            found = messages_of(read_reply(bytes_of(vector['body'])))
            self.assertEqual(len(found), len(vector['messages']))
            for message, wanted in zip(found, vector['messages']):
                with self.subTest(vector['name']):
                    receipt = wanted.get('receipt')
                    self.assertEqual(
                        (message.id, message.body, message.deliveries, message.receipt, message.key, message.group),
                        (wanted['id'], bytes_of(wanted['body']), wanted['deliveries'], receipt and bytes_of(receipt), wanted.get('key'), wanted.get('group')),
                    )
                    self.assertEqual((message.headers or {}, message.dead, message.end_to_end), (wanted['headers'], wanted.get('dead'), wanted['e2e']))

    def test_records_at_every_split(self):
        for vector in vectors('mailbox', 'records'):
            wire = bytes_of(vector['payload'])
            for split in range(len(wire) + 1):
                with self.subTest(vector['name'], split=split):
                    found = []
                    try:
                        for record in records_of([wire[:split], wire[split:]]):
                            found.append(record)
                        verdict = 'ok'
                    except OapError:
                        verdict = 'err'
                    self.assertEqual((verdict, found), (vector['verdict'], [read_reply(bytes_of(record)) for record in vector['records']]))


class StorageVectors(unittest.TestCase):
    def test_blake3(self):
        for vector in vectors('storage', 'blake3'):
            data = bytes(index % 251 for index in range(vector['size_bytes']))
            self.assertEqual(blake3(data).hex(), vector['hash'], vector['name'])

    def test_trees(self):
        for vector in vectors('storage', 'tree'):
            hashes = [blake3(index.to_bytes(4, 'big')) for index in range(vector['leaves'])]
            self.assertEqual(blob.root_of(hashes).hex(), vector['root'], vector['name'])

    def test_ids(self):
        for vector in vectors('storage', 'id'):
            content = bytes_of(vector['content'])
            self.assertEqual((blob.id_of(content), blob.alias_of(content)), (vector['id'], vector['alias']), vector['name'])

    def test_texts(self):
        for vector in vectors('storage', 'text'):
            self.assertEqual(blob.form_of(vector['text']), vector['form'], vector['name'])

    def test_proofs(self):
        for vector in vectors('storage', 'proof'):
            with self.subTest(vector['name']):
                self.check_proof(vector)

    def check_proof(self, vector):
        body = bytes_of(vector['body'])
        # Cut where no border of the proof is.
        chunks = [body[at : at + 50_001] for at in range(0, len(body), 50_001)]
        handed_out = []
        problem = None
        try:
            root = bytes_of(vector['root'])
            for part in blob.verified(vector['id'], vector['size_bytes'], root, vector['ranges'], chunks):
                handed_out.append(part)
        except blob.BadProof as bad:
            problem = bad
        self.assertEqual('ok' if problem is None else 'err', vector['verdict'])
        if problem is None:
            content = bytes_of(vector['content'])
            expected = [content[start:end] for start, end in vector['ranges'] or [(0, len(content))]]
            self.assertEqual(b''.join(handed_out), b''.join(expected))
        elif 'leaf' in vector:
            self.assertLessEqual(sum(map(len, handed_out)), vector['leaf'] * blob.LEAF_BYTES)
            self.assertEqual(problem.leaf, vector['leaf'])


if __name__ == '__main__':
    unittest.main()

"""Does this client talk with a node? The node is at RON_NODE_URL, RON_CAP admits to mailbox and storage."""

import os
import unittest

from omnigate_client import Client, Mailbox, OapError, Storage, blob

LEAF = blob.LEAF_BYTES
# Topics of this run: a node may keep those of an earlier one.
RUN = f'python-client/{os.getpid()}'


def client(cap: bool = True) -> Client:
    return Client(os.environ['RON_NODE_URL'], os.environ['RON_CAP'] if cap else None, os.environ.get('RON_CA_FILE'))


class Node(unittest.TestCase):
    def setUp(self):
        self.client = client()
        self.addCleanup(self.client.close)

    def refused(self, reason: str, call, *arguments, **options) -> OapError:
        with self.assertRaises(OapError) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.reason, reason)
        return caught.exception

    def test_hello_and_ping(self):
        self.assertEqual(self.client.hello['version'], 1)
        self.assertGreater(self.client.ping(b'anyone there?'), 0)

    def test_echo_of_every_size(self):
        for size in (0, 1, LEAF, 1_048_576 - 38, 1_048_576, 3_000_001):
            payload = os.urandom(size)
            self.assertEqual(self.client.echo(payload), payload, size)

    def test_many_requests_at_once(self):
        exchanges = [self.client.begin(1, 0) for _ in range(100)]
        for number, exchange in enumerate(exchanges):
            exchange.send_whole(str(number).encode())
        for number, exchange in reversed(list(enumerate(exchanges))):
            self.assertEqual(exchange.collect(), str(number).encode())

    def test_end_to_end_flag_comes_back(self):
        reply = self.client.request(1, 0, b'ciphertext', end_to_end=True)
        self.assertTrue(reply.end_to_end)

    def test_a_cancelled_stream_leaves_the_connection_usable(self):
        exchange = self.client.begin(1, 0)
        exchange.send(b'x' * 100_000)
        chunks = exchange.chunks()
        self.assertTrue(next(chunks))
        chunks.close()
        self.assertEqual(self.client.echo(b'after'), b'after')

    def test_refusals(self):
        self.refused('app_unknown', self.client.request, 40_000, 0)
        self.refused('op_unknown', self.client.request, 16, 999)
        with client(cap=False) as stranger:
            self.refused('cap_missing', Mailbox(stranger, f'{RUN}/any').stats)
        self.refused('topic_unknown', Mailbox(self.client, f'{RUN}/never').stats)
        error = self.refused('bad_payload', Mailbox(self.client, f'{RUN}/bad').send, b'', priority='high')
        self.assertEqual(error.detail, {'field': 'priority'})

    def test_mailbox(self):
        topic = Mailbox(self.client, f'{RUN}/orders')
        first, duplicate = topic.send(b'one', key='1', headers={'by': 'python'})
        self.assertFalse(duplicate)
        self.assertEqual(topic.send(b'one', key='1'), (first, True))
        self.refused('idempotency_conflict', topic.send, b'another', key='1')
        topic.send(os.urandom(3_000), end_to_end=True)
        found = topic.receive(10, wait_ms=1_000)
        self.assertEqual([found[0].body, found[0].key, found[0].headers, found[0].deliveries], [b'one', '1', {'by': 'python'}, 1])
        self.assertTrue(found[1].end_to_end)
        [receipt] = topic.extend(found[0], visibility_ms=60_000)
        self.assertEqual(topic.acknowledge(found[0]), ['stale'])
        self.assertIsNotNone(receipt)
        self.assertEqual(topic.refuse(found[1], delay_ms=0), ['ok'])
        self.assertEqual(topic.acknowledge(*topic.receive(1)), ['ok'])
        stats = topic.stats()
        self.assertEqual([stats['admitted'], stats['acked'], stats['leased']], [2, 1, 1])
        self.assertEqual(topic.purge(), 1)

    def test_a_long_poll_of_nothing(self):
        self.assertEqual(Mailbox(self.client, f'{RUN}/empty').receive(1, wait_ms=50), [])

    def test_a_subscription(self):
        topic = Mailbox(self.client, f'{RUN}/feed')
        bodies = [os.urandom(20_000) for _ in range(200)]
        for number, body in enumerate(bodies):
            topic.send(body, group='one', key=str(number))
        seen = []
        with client() as receiver:
            feed = Mailbox(receiver, f'{RUN}/feed')
            for message in feed.subscribe(prefetch=8, seconds=60):
                seen.append(message.body)
                self.assertEqual(feed.acknowledge(message), ['ok'])
                if len(seen) == len(bodies):
                    break
        self.assertEqual(seen, bodies)

    def test_blobs_of_every_size(self):
        storage = Storage(self.client)
        for size in (0, 1, LEAF - 1, LEAF, LEAF + 1, 40 * LEAF + 7):
            data = os.urandom(size)
            stored = storage.put(data, media_type='application/octet-stream')
            self.assertEqual([stored.id, stored.b3, stored.size_bytes], [blob.id_of(data), blob.alias_of(data), size])
            for name in (stored.id, stored.b3):
                self.assertEqual(b''.join(storage.get(name)), data, (size, name))
            self.assertTrue(storage.put(data).existed)

    def test_ranges(self):
        storage = Storage(self.client)
        data = os.urandom(20 * LEAF + 100)
        stored = storage.put(data)
        ranges = [(0, 1), (LEAF - 1, LEAF + 1), (18 * LEAF, 2**53 - 1)]
        self.assertEqual(b''.join(storage.get(stored.id, ranges)), data[:1] + data[LEAF - 1 : LEAF + 1] + data[18 * LEAF :])
        self.refused('range_invalid', list, storage.get(stored.id, [(len(data), len(data) + 1)]))

    def test_what_the_store_tells(self):
        storage = Storage(self.client)
        stored = storage.put(b'what the store tells')
        missing = 'b3m:' + 64 * '0'
        self.assertEqual(storage.has([missing, stored.id, stored.b3]), [False, True, True])
        self.assertEqual(storage.stat(stored.id)['state'], 'whole')
        self.assertIn(stored.id, [found['id'] for found in storage.list()])
        self.assertTrue(storage.pin(stored.id, 60_000)['pinned'])
        self.assertFalse(storage.unpin(stored.id)['pinned'])
        self.refused('blob_not_found', list, storage.get(missing))


if __name__ == '__main__':
    unittest.main()

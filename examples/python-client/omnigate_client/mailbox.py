"""The mailbox: durable topics with at-least-once delivery (mailbox-1.md)."""

from dataclasses import dataclass

from . import messagepack
from .errors import bad_response, read_reply
from .limits import CALL_SECONDS, RECORD_BYTES_MAX

APP = 16
SEND, RECV, ACK, NACK, EXTEND, SUBSCRIBE, DELETE, PEEK, STATS, REDRIVE, PURGE, CONFIGURE = range(1, 13)


@dataclass(frozen=True)
class Message:
    """A message as it was delivered or found. `receipt` is None where there is no lease."""

    id: str
    body: bytes
    deliveries: int
    receipt: bytes = None
    key: str = None
    group: str = None
    headers: dict = None
    dead: dict = None
    end_to_end: bool = False


class Mailbox:
    """One topic. It need not exist."""

    def __init__(self, client, topic: str):
        self._client, self.topic = client, topic

    def send(self, body: bytes, *, end_to_end: bool = False, **options):
        """`(id, duplicate)`. Options are those of SEND (§5): key, group, priority, delay_ms, ttl_ms, headers.

        With a `key` a send whose outcome is unknown is repeated, and makes one message.
        """
        fields = {'topic': self.topic, 'body': body, **options}
        reply = self._ask(SEND, fields, end_to_end=end_to_end, repeatable='key' in options)
        return _text(reply, 'id'), reply.get('duplicate') is True

    def receive(self, maximum: int = 1, wait_ms: int = 0, **options) -> list:
        """Messages, none when there is nothing for `wait_ms`. Options are those of RECV (§6)."""
        fields = {'topic': self.topic, 'max': maximum, 'wait_ms': wait_ms, **options}
        return messages_of(self._ask(RECV, fields, seconds=CALL_SECONDS + wait_ms / 1_000))

    def acknowledge(self, *messages: Message) -> list:
        """The outcome for each: ok, stale or gone (§6.3)."""
        return self._settle(ACK, messages)['outcomes']

    def refuse(self, *messages: Message, delay_ms: int = None) -> list:
        """NACK: the messages come again later, or are dead letters."""
        return self._settle(NACK, messages, {} if delay_ms is None else {'delay_ms': delay_ms})['outcomes']

    def extend(self, *messages: Message, visibility_ms: int) -> list:
        """A longer lease: for each message its new receipt, or None where the lease is lost."""
        return self._settle(EXTEND, messages, {'visibility_ms': visibility_ms})['receipts']

    def subscribe(self, prefetch: int = 64, *, seconds: float = 86_400.0, **options):
        """Messages as they come, for at most `seconds`. Leave the loop to end the subscription (§7)."""
        exchange = self._client.begin(APP, SUBSCRIBE, seconds=seconds)
        fields = {'topic': self.topic, 'prefetch': prefetch, **options}
        exchange.send_whole(messagepack.pack(fields))
        chunks = exchange.chunks()
        try:
            for record in records_of(chunks):
                yield from messages_of(record)
        finally:
            chunks.close()

    def peek(self, state: str = 'ready', limit: int = 16) -> list:
        """Messages without changing anything."""
        return messages_of(self._ask(PEEK, {'topic': self.topic, 'state': state, 'limit': limit}, repeatable=True))

    def stats(self) -> dict:
        """Counts and settings (§8.3)."""
        return self._ask(STATS, {'topic': self.topic}, repeatable=True)

    def configure(self, **settings) -> dict:
        """Changes settings (§4.2); all of them as they are then."""
        return self._ask(CONFIGURE, {'topic': self.topic, **settings})

    def purge(self) -> int:
        """Removes everything; how many messages that were."""
        purged = 0
        while True:
            reply = self._ask(PURGE, {'topic': self.topic})
            purged += reply['purged']
            if not reply['more']:
                return purged

    def _settle(self, op: int, messages, options=()) -> dict:
        fields = {'topic': self.topic, 'receipts': [message.receipt for message in messages], **dict(options)}
        # Each receipt names one lease, so that a repeated ACK finds it gone and harms nothing.
        return self._ask(op, fields, repeatable=op == ACK)

    def _ask(self, op: int, fields: dict, **options) -> dict:
        reply = self._client.request(APP, op, messagepack.pack(fields), **options)
        return read_reply(reply.payload)


def _text(fields: dict, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise bad_response(f'the reply of the mailbox has no {name}')
    return value


def messages_of(reply: dict) -> list:
    """The messages of a reply or a record (§6.2)."""
    return [
        Message(
            _text(fields, 'id'),
            fields['body'],
            fields['deliveries'],
            fields.get('receipt'),
            fields.get('key'),
            fields.get('group'),
            fields.get('headers'),
            fields.get('dead'),
            fields.get('e2e') is True,
        )
        for fields in reply.get('messages', [])
    ]


def records_of(chunks):
    """The maps of a stream of records, which frames cut anywhere (§7.1)."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= 4:
            length = int.from_bytes(held[:4], 'big')
            if length > RECORD_BYTES_MAX:
                raise bad_response(f'a record claims {length} bytes')
            if len(held) < 4 + length:
                break
            record = bytes(held[4 : 4 + length])
            del held[: 4 + length]
            yield read_reply(record)

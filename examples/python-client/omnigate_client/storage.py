"""The store of blobs that are named by what they hold (storage-1.md)."""

from dataclasses import dataclass

from . import messagepack
from .blob import BadProof, alias_of, form_of, id_of, verified
from .errors import OapError, bad_response, read_reply
from .limits import CALL_SECONDS, METADATA_BYTES_MAX

APP = 17
GET, HAS, PUT, STAT, PIN, UNPIN, LIST, GC, SCRUB = range(1, 10)


@dataclass(frozen=True)
class Stored:
    """What a PUT made. `existed` says that the tenant had the blob already."""

    id: str
    b3: str
    size_bytes: int
    existed: bool


class Storage:
    """The blobs of the tenant of the client's capability."""

    def __init__(self, client):
        self._client = client

    def put(self, data: bytes, *, seconds: float = CALL_SECONDS, **options) -> Stored:
        """Stores bytes. Options are those of PUT (§5.4): media_type, pin_ttl_ms.

        The id is computed here and sent along, so that the node refuses bytes that
        changed on their way.
        """
        fields = {'size_bytes': len(data), 'expect': id_of(data), **options}
        exchange = self._client.begin(APP, PUT, seconds=seconds)
        exchange.send(messagepack.pack(fields))
        exchange.send(data)
        exchange.finish()
        reply = read_reply(exchange.collect())
        if reply.get('id') != fields['expect']:
            raise bad_response('the node stored something else')
        return Stored(reply['id'], reply['b3'], reply['size_bytes'], reply['existed'])

    def get(self, blob_id: str, ranges: list = None, *, seconds: float = CALL_SECONDS):
        """Yields the bytes of a blob, or of `ranges` of (start, end), each leaf checked before it is handed out.

        Bytes asked for by alias (`b3:`) are handed out only once the whole was
        hashed, so that takes the memory of the blob, and takes no ranges.
        """
        if form_of(blob_id) == 'alias':
            if ranges is not None:
                raise ValueError('ranges of a blob take its id, b3m:...; STAT tells it')
            whole = b''.join(self._get(blob_id, None, seconds))
            if alias_of(whole) != blob_id:
                raise bad_response('the bytes are not those of the alias')
            yield whole
            return
        yield from self._get(blob_id, ranges, seconds)

    def has(self, ids: list) -> list:
        """For each id whether a GET would find it."""
        bits = self._ask(HAS, {'ids': ids})['have']
        return [bool(bits[index // 8] >> index % 8 & 1) for index in range(len(ids))]

    def stat(self, blob_id: str = None) -> dict:
        """Of a blob, or without id of the tenant (§5.5)."""
        return self._ask(STAT, {} if blob_id is None else {'id': blob_id})

    def pin(self, blob_id: str, ttl_ms: int = None) -> dict:
        """Keeps a blob for `ttl_ms`, or without end."""
        return self._ask(PIN, {'id': blob_id, **({} if ttl_ms is None else {'ttl_ms': ttl_ms})})

    def unpin(self, blob_id: str) -> dict:
        return self._ask(UNPIN, {'id': blob_id})

    def list(self):
        """Yields the map of each blob of the tenant."""
        cursor = {}
        while True:
            page = self._ask(LIST, cursor)
            yield from page['blobs']
            if 'cursor' not in page:
                return
            cursor = {'cursor': page['cursor']}

    def _get(self, blob_id: str, ranges, seconds: float):
        fields = {'id': blob_id, 'proof': True}
        if ranges is not None:
            fields['ranges'] = [list(pair) for pair in ranges]
        exchange = self._client.begin(APP, GET, seconds=seconds)
        exchange.send_whole(messagepack.pack(fields))
        chunks = exchange.chunks()
        try:
            first = next(chunks, b'')
            if len(first) > METADATA_BYTES_MAX:
                raise bad_response('the metadata of a blob is too long')
            told = read_reply(first)
            wanted = blob_id if form_of(blob_id) == 'id' else told['id']
            yield from verified(wanted, told['size_bytes'], told['root'], ranges, chunks)
        except BadProof as problem:
            raise OapError(500, 'bad_response', f'{blob_id}: {problem}', detail={'leaf': problem.leaf}) from None
        finally:
            chunks.close()

    def _ask(self, op: int, fields: dict) -> dict:
        # All that is asked this way may be repeated (§5).
        return read_reply(self._client.request(APP, op, messagepack.pack(fields), repeatable=True).payload)

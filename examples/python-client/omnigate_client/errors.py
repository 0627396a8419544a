"""What a node refuses, and what fails on the way (oap-1.md §8, §14)."""

from . import messagepack


class OapError(Exception):
    """A refusal of the node, or a failure that this client noticed.

    Decide by `status` and `reason`, never by the message. `retry_after_ms` is
    None where the node said nothing.
    """

    def __init__(self, status: int, reason: str, message: str, retry_after_ms=None, detail=None):
        super().__init__(f'{reason} ({status}): {message}')
        self.status = status
        self.reason = reason
        self.message = message
        self.retry_after_ms = retry_after_ms
        self.detail = detail or {}

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later, and was not carried out (§8.5).

        Reasons are judged by their status, as §8.1 says for unknown ones; the two
        statuses hold three reasons that are the exception.
        """
        return self.status in (429, 503) and self.reason not in _FINAL and not self.detail.get('in_flight')


# 429 and 503 in the table of §14 without `Retry`.
_FINAL = ('flood', 'cancel_flood', 'client_closed', 'queue_full')


def read_error(status: int, body: bytes) -> OapError:
    """The error of an error reply; one with an unreadable body is `bad_response`."""
    try:
        fields = messagepack.unpack_map(body)
    except messagepack.BadBody as problem:
        return OapError(500, 'bad_response', f'the node sent an unreadable error with status {status}: {problem}')
    reason, message = fields.get('reason'), fields.get('message')
    if not isinstance(reason, str):
        return OapError(500, 'bad_response', f'the node sent an error without a reason, status {status}')
    retry = fields.get('retry_after_ms')
    detail = fields.get('detail')
    return OapError(
        status,
        reason,
        message if isinstance(message, str) else '',
        retry if isinstance(retry, int) and not isinstance(retry, bool) and retry >= 0 else None,
        detail if isinstance(detail, dict) else None,
    )


def read_reply(body: bytes) -> dict:
    """The map in the payload of a reply. Raises OapError `bad_response`."""
    try:
        return messagepack.unpack_map(body)
    except messagepack.BadBody as problem:
        raise bad_response(f'a reply cannot be read: {problem}') from None


def bad_response(message: str) -> OapError:
    return OapError(500, 'bad_response', message)


def connection_lost(message: str) -> OapError:
    return OapError(503, 'connection_lost', message)

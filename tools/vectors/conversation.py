"""Builds one conversation of conversations.json, step by step."""

import oap
from msgpack import pack
from oap import CONTROL, ECHO, END, EVENT, REQ, RESP, START, WHOLE_EVENT, WHOLE_REQ, WHOLE_RESP

BARRIER = 2**64 - 16


class Conversation:
    def __init__(self, name, section, note):
        self.vector = {"name": name, "section": section, "note": note, "steps": []}
        self.is_ended = False

    def _step(self, **step):
        self.vector["steps"].append(step)
        return self

    # What the client does

    def send(self, *frames):
        """Bytes, in one write."""
        return self._step(send=b"".join(frames).hex())

    def send_times(self, times, data):
        return self._step(send=[{"hex": data.hex(), "times": times}])

    def send_filled(self, flags, count, corr, byte=0x61, times=1, app=ECHO, code=0):
        """Frames whose payload is `count` times one byte."""
        head = oap.header(oap.HEADER_BYTES + count, flags, code, app, oap.NO_TENANT, 0, corr)
        part = [{"hex": head.hex()}, {"fill": f"{byte:02x}", "bytes": count}]
        return self._step(send=part * times)

    def finish(self):
        """Half-close."""
        return self._step(finish=True)

    # What the node must do

    def expect(self, code, corr, app=CONTROL, tenant=oap.NO_TENANT, flags=WHOLE_RESP, **body):
        """body: payload=bytes, or msgpack= or json= with the fields that must be there."""
        if "payload" in body:
            body["payload"] = body["payload"].hex()
        frame = {"flags": flags, "code": code, "app": app, "tenant": tenant, "corr": str(corr)}
        return self._step(expect=frame | body)

    def expect_error(self, status, reason, corr=0, app=CONTROL, tenant=oap.NO_TENANT, times=1):
        for _ in range(times):
            self.expect(status, corr, app, tenant, msgpack={"reason": reason})
        return self

    def expect_stream(self, corr, data, begins=True, ends=True, flags=RESP):
        """Frames of a stream whose payloads together are `data`, cut in any way."""
        stream = {"flags": flags, "code": 200, "app": ECHO, "tenant": oap.NO_TENANT, "corr": str(corr)}
        return self._step(expect_stream=stream | {"payload": data.hex(), "begins": begins, "ends": ends})

    def expect_end(self, within_ms=1_000):
        self.is_ended = True
        return self._step(expect_end={"within_ms": within_ms})

    # What recurs

    def hello(self, **fields):
        self.send(hello(**fields))
        return self.expect(200, 0, msgpack={"version": 1})

    def refuse(self, data, status, reason, corr=0, app=CONTROL, tenant=oap.NO_TENANT):
        """One write that costs the connection."""
        return self.send(data).expect_error(status, reason, corr, app, tenant).expect_end()

    def build(self):
        """Where the connection stays, a PING shows that nothing else came before its answer."""
        if not self.is_ended:
            ping = oap.frame(WHOLE_REQ, oap.PING, corr=BARRIER, payload=b"barrier")
            self.send(ping).expect(200, BARRIER, payload=b"barrier")
        return self.vector


def hello(corr=0, **fields):
    return oap.frame(WHOLE_REQ, oap.HELLO, corr=corr, payload=pack(fields))


def echo(corr, payload, flags=WHOLE_REQ, **rest):
    return oap.frame(flags, 0, ECHO, corr, payload, **rest)


def event(code, corr=0, payload=b"", app=CONTROL):
    return oap.frame(WHOLE_EVENT, code, app, corr, payload)


def credit(corr, count):
    return event(oap.CREDIT, corr, count.to_bytes(4, "big"))


__all__ = ["Conversation", "credit", "echo", "event", "hello", "END", "EVENT", "REQ", "START"]

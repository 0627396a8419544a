"""conversations.json: what goes in and what must come out."""

import oap
from compression_vectors import TEXT, TEXT_FRAME
from conversation import Conversation, credit, echo, event, hello
from msgpack import pack
from oap import ACK_REQ, APP_E2E, COMP, ECHO, END, EVENT, REQ, RESP, START, WHOLE_REQ, WHOLE_RESP
from zstd import raw, rle, single, windowed

TENANT = "00112233445566778899aabbccddeeff"
ONES = "f" * 32
MAX64 = 2**64 - 1


def transcript():
    """The example of section 17; `server` is the name of one node."""
    request = {"client": "transcript/1", "versions": [1], "max_frame": 1_048_576, "supported_flags": 191}
    reply = {
        "server": "omnigate/0.1.0",
        "version": 1,
        "versions": [1],
        "max_frame": 1_048_576,
        "max_inflight": 1_024,
        "max_inflight_bytes": 16_777_216,
        "supported_flags": 255,
        "transports": ["tcp"],
        "initial_window": 1_048_576,
        "max_ratio": 10,
        "max_decompressed": 8_388_608,
        "revocation_seq": 0,
        "idle_timeout_ms": 120_000,
    }
    return [
        ("HELLO", ">", oap.frame(WHOLE_REQ, oap.HELLO, corr=1, payload=pack(request))),
        ("echo, operation ECHO", ">", oap.frame(WHOLE_REQ, 0, ECHO, 2, b"hello")),
        ("HELLO reply", "<", oap.frame(WHOLE_RESP, 200, corr=1, payload=pack(reply))),
        ("echo reply", "<", oap.frame(WHOLE_RESP, 200, ECHO, 2, b"hello")),
    ]


def transcript_vector():
    sent = [wire for _, side, wire in transcript() if side == ">"]
    received = [wire for _, side, wire in transcript() if side == "<"]
    talk = Conversation("transcript", "17", "HELLO and a pipelined echo; `example` is the whole answer of one node")
    talk.send(*sent).expect(200, 1, msgpack={"version": 1}).expect(200, 2, ECHO, payload=b"hello")
    return talk.build() | {"example": b"".join(received).hex()}


def talks():
    def talk(name, section, note):
        out.append(Conversation(name, section, note))
        return out[-1]

    out = []
    talk("hello-empty", "4.1", "an empty body takes all defaults").send(
        oap.frame(WHOLE_REQ, oap.HELLO, corr=9)
    ).expect(200, 9, msgpack={"version": 1, "max_frame": 1_048_576, "initial_window": 1_048_576})
    talk("hello-json", "4.1", "JSON is answered in JSON").send(
        oap.frame(WHOLE_REQ, oap.HELLO, corr=9, payload=b'{"client":"vectors","max_frame":8192}')
    ).expect(200, 9, json={"version": 1, "max_frame": 8_192})
    talk("hello-without-start-and-end", "5", "control frames may leave them out").send(
        oap.frame(REQ, oap.HELLO, corr=9)
    ).expect(200, 9, msgpack={"version": 1})
    talk("hello-4-gib", "4.3", "a huge max_frame is clamped").send(hello(max_frame=2**32)).expect(
        200, 0, msgpack={"max_frame": 1_048_576}
    )
    talk("hello-tenant", "4.3", "the reply repeats tenant_id and corr_id").send(
        oap.frame(WHOLE_REQ, oap.HELLO, corr=MAX64, tenant=TENANT)
    ).expect(200, MAX64, tenant=TENANT, msgpack={"version": 1})

    talk("ping", "5.2", "same corr_id, same payload, any state of START and END").hello().send(
        oap.frame(WHOLE_REQ, oap.PING, corr=MAX64, payload=b"are you there"),
        oap.frame(REQ, oap.PING, corr=0),
        oap.frame(REQ | START, oap.PING, corr=3, payload=b"\x00"),
    ).expect(200, MAX64, payload=b"are you there").expect(200, 0, payload=b"").expect(200, 3, payload=b"\x00")
    talk("ping-5000", "5.2", "bounded by the frame only").hello().send(
        oap.frame(WHOLE_REQ, oap.PING, corr=1, payload=b"p" * 5_000)
    ).expect(200, 1, payload=b"p" * 5_000)

    talk("echo", "15.1", "one frame, extreme identifiers").hello().send(
        echo(0, b"zero"), echo(MAX64, b"max"), echo(5, b"", tenant=ONES), echo(6, b"t", tenant=TENANT)
    ).expect(200, 0, ECHO, payload=b"zero").expect(200, MAX64, ECHO, payload=b"max").expect(
        200, 5, ECHO, ONES, payload=b""
    ).expect(200, 6, ECHO, TENANT, payload=b"t")
    talk("echo-open-with-capability", "13", "an open application does not look at it").hello().send(
        echo(1, b"x", cap=b"opaque")
    ).expect(200, 1, ECHO, payload=b"x")
    talk("echo-e2e", "11.6", "the flag comes back").hello().send(
        echo(1, b"cipher", WHOLE_REQ | APP_E2E)
    ).expect(200, 1, ECHO, flags=WHOLE_RESP | APP_E2E, payload=b"cipher")
    talk("echo-comp", "11.5", "the service sees the decoded bytes").hello(supported_flags=255).send(
        echo(1, single(5, raw(b"hello", True)), WHOLE_REQ | COMP), echo(2, TEXT_FRAME, WHOLE_REQ | COMP)
    ).expect(200, 1, ECHO, payload=b"hello").expect(200, 2, ECHO, payload=TEXT)
    talk("event-accepted", "6.5", "an accepted EVENT has no answer").hello().send(event(0, 1, b"x", ECHO))
    talk("event-refused", "6.5", "a refused one has").hello().send(event(0, 1, b"x", 250)).expect_error(
        404, "app_unknown", 1, 250
    )

    talk("stream", "6.2", "three frames in, the same bytes out").hello().send(
        echo(1, b"one", REQ | START), echo(1, b"", REQ), echo(1, b"two", REQ), echo(1, b"three", REQ | END)
    ).expect_stream(1, b"onetwothree")
    talk("streams-interleaved", "6.2", "two exchanges take turns").hello().send(
        echo(1, b"a1", REQ | START), echo(2, b"b1", REQ | START), echo(1, b"a2", REQ | END)
    ).expect_stream(1, b"a1a2", True, True).send(echo(2, b"b2", REQ | END)).expect_stream(2, b"b1b2")
    talk("stream-credit", "7.3", "the node stops at the client's window and goes on with CREDIT").hello(
        initial_window=1_024
    ).send(echo(1, b"x" * 1_500, REQ | START), echo(1, b"y" * 1_500, REQ | END)).expect_stream(
        1, b"x" * 1_024, True, False
    ).send(credit(1, 1_000)).expect_stream(1, b"x" * 476 + b"y" * 524, False, False).send(
        credit(1, 1_000)
    ).expect_stream(1, b"y" * 976, False, True)
    talk("ack-req", "7.4", "asks for credit that two bytes would not have brought").hello().send(
        echo(1, b"x", REQ | START)
    ).expect_stream(1, b"x", True, False).send(echo(1, b"y", REQ | ACK_REQ)).expect_stream(1, b"y", False, False).expect(
        oap.CREDIT, 1, flags=EVENT | START | END, payload=b"\x00\x00\x00\x02"
    ).send(echo(1, b"z", REQ | END)).expect_stream(1, b"z", False, True)
    talk("ack-req-on-start", "7.4", "the first frame of a stream may ask, too").hello().send(
        echo(1, b"x", REQ | START | ACK_REQ)
    ).expect_stream(1, b"x", True, False).expect(
        oap.CREDIT, 1, flags=EVENT | START | END, payload=b"\x00\x00\x00\x01"
    ).send(echo(1, b"y", REQ | END)).expect_stream(1, b"y", False, True)
    talk("ack-req-on-one-frame", "7.4", "means nothing").hello().send(
        echo(1, b"x", WHOLE_REQ | ACK_REQ)
    ).expect(200, 1, ECHO, payload=b"x")
    talk("goaway-of-the-client", "5.3", "needs no answer").hello().send(
        event(oap.GOAWAY, 0, pack({"reason": "leaving", "drain_ms": 0}))
    )
    talk("cancel", "5.4", "ends the exchange in silence; a second CANCEL and a late CREDIT are ordinary").hello().send(
        echo(1, b"", REQ | START), event(oap.CANCEL, 1), event(oap.CANCEL, 1), credit(1, 10)
    )
    talk("half-close", "2.4", "what came in full is answered").hello().send(echo(1, b"last")).finish().expect(
        200, 1, ECHO, payload=b"last"
    ).expect_end()
    return [item.build() for item in out]


def connection_refusals():
    """Reaction C and X."""

    def talk(name, section, note):
        out.append(Conversation(name, section, note))
        return out[-1]

    def head(length=38, flags=WHOLE_REQ, cap_len=0, ver=1, corr=5):
        return oap.header(length, flags, 0, ECHO, TENANT, cap_len, corr, ver)

    out = []
    zeros, echoed = (0, 0, oap.NO_TENANT), (5, ECHO, TENANT)
    for name, data, status, reason, named in (
        ("bad-length-0", head(0), 400, "bad_length", zeros),
        ("bad-length-37", head(37), 400, "bad_length", zeros),
        ("frame-too-large", head(1_048_577), 413, "frame_too_large", zeros),
        ("frame-too-large-4-bytes", b"\xff\xff\xff\xff", 413, "frame_too_large", zeros),
        ("bad-version", head(ver=2), 400, "bad_version", zeros),
        ("unknown-flags", head(flags=WHOLE_REQ | 0x0100), 400, "bad_flags", echoed),
        ("cap-too-large", head(38 + 5_000, cap_len=5_000), 413, "cap_too_large", echoed),
        ("bad-cap-len", head(38, cap_len=1), 400, "bad_cap_len", echoed),
        ("cap-on-nonstart", head(39, REQ | END, 1) + b"c", 400, "cap_on_nonstart", echoed),
    ):
        corr, app, tenant = named
        talk(name, "3.3", "ends the connection").hello().refuse(data, status, reason, corr, app, tenant)
    talk("negotiated-frame-too-large", "4.3", "the smaller max_frame holds").hello(max_frame=4_096).refuse(
        head(4_097), 413, "frame_too_large"
    )
    talk("hello-required-echo", "4", "").refuse(echo(5, b"x"), 400, "hello_required", 5, ECHO)
    talk("hello-required-ping", "4", "").refuse(oap.frame(WHOLE_REQ, oap.PING, corr=5), 400, "hello_required", 5)
    talk("hello-required-event", "4", "").refuse(event(oap.HELLO, 5), 400, "hello_required", 5)
    talk("preauth-too-large", "3.3", "").refuse(
        oap.header(4_097, WHOLE_REQ, 0, 0, oap.NO_TENANT, 0, 5), 413, "preauth_too_large"
    )
    talk("preauth-much-too-large", "3.3", "").refuse(head(1_048_577), 413, "frame_too_large")
    talk("bad-hello", "4.4", "").refuse(oap.frame(WHOLE_REQ, 0, corr=5, payload=b"\xc0"), 400, "bad_hello", 5)
    talk("hello-other-version", "4.4", "").refuse(hello(5, versions=[2]), 400, "bad_version", 5)
    talk("http-get", "3.3", "another protocol").refuse(
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 413, "frame_too_large"
    )
    talk("tls-client-hello", "3.3", "another protocol").refuse(
        bytes.fromhex("16030100f8010000f40303"), 413, "frame_too_large"
    )
    talk("truncated", "2.4", "an end inside a frame has no answer").hello().send(head(100)[:20]).finish().expect_end()
    talk("hello-timeout", "9", "nothing sent, nothing answered").expect_end(3_000)

    talk("flood-of-glitches", "8.3", "the hundredth ends the connection").hello().send_times(
        100, event(77, 5)
    ).expect_error(429, "flood").expect_end()
    talk("flood-of-aborted-streams", "8.3", "50 error replies a second, then silence, then the end").hello().send_times(
        100, echo(5, b"", REQ | START) * 2
    ).expect_error(409, "bad_state", 5, ECHO, times=50).expect_error(429, "flood").expect_end()
    talk("flood-of-empty-frames", "8.4", "").hello().send(
        echo(5, b"", REQ | START)
    ).send_times(100, echo(5, b"", REQ)).expect_error(429, "flood").expect_end()
    talk("cancel-flood", "8.4", "rapid reset").hello().send_times(
        50, echo(5, b"", REQ | START) + event(oap.CANCEL, 5)
    ).expect_error(429, "cancel_flood").expect_end()
    return [item.build() for item in out]


def message_refusals():
    """Reactions K and D: the connection stays."""

    def talk(name, section, note=""):
        out.append(Conversation(name, section, note))
        return out[-1]

    out = []
    for name, flags in (("none", START | END), ("req-resp", WHOLE_REQ | RESP), ("req-event", WHOLE_REQ | EVENT)):
        talk("kind-" + name, "6.1").hello().send(echo(5, b"", flags)).expect_error(400, "bad_flags", 5, ECHO)
    talk("comp-and-e2e", "11.6").hello(supported_flags=255).send(
        echo(5, TEXT_FRAME, WHOLE_REQ | COMP | APP_E2E)
    ).expect_error(400, "bad_flags", 5, ECHO)
    talk("comp-not-negotiated", "11.1").hello().send(echo(5, TEXT_FRAME, WHOLE_REQ | COMP)).expect_error(
        400, "comp_unsupported", 5, ECHO
    )
    for reason, status, data in (
        ("comp_malformed", 400, TEXT_FRAME[:-1]),
        ("comp_malformed", 400, single(75, TEXT_FRAME[6:], width=1)),
        ("comp_window", 413, windowed(0xFF, 5, raw(b"hello", True))),
        ("comp_output", 413, single(2**31, width=8)),
        ("comp_ratio", 413, windowed(0x38, 65_537, rle(0x61, 65_537, True))),
        ("comp_blocks", 413, single(5, raw(b""), raw(b"hello", True))),
    ):
        name = reason.replace("_", "-") + ("-decoder" if data[5] == 75 else "")
        talk(name, "11.3").hello(supported_flags=255).send(echo(5, data, WHOLE_REQ | COMP)).expect_error(
            status, reason, 5, ECHO
        )
    talk("hello-repeated", "4.4").hello().send(hello(5)).expect_error(409, "hello_repeated", 5)
    talk("app-unknown", "15").hello().send(oap.frame(WHOLE_REQ, 0, 250, 5, tenant=TENANT)).expect_error(
        404, "app_unknown", 5, 250, TENANT
    )
    talk("op-unknown-control", "5.7").hello().send(oap.frame(WHOLE_REQ, 99, corr=5)).expect_error(404, "op_unknown", 5)
    talk("op-unknown-echo", "15").hello().send(oap.frame(WHOLE_REQ, 99, ECHO, 5)).expect_error(
        404, "op_unknown", 5, ECHO
    )
    talk("control-event-unknown", "5.7", "discarded").hello().send(event(99, 5))
    talk("control-event-of-the-node", "5.7", "discarded").hello().send(event(oap.REVOKED, 0, pack({"revocation_seq": 9})))
    talk("cancel-unknown", "5.7", "discarded").hello().send(event(oap.CANCEL, 5))
    talk("credit-unknown", "5.7", "discarded").hello().send(credit(5, 100))
    talk("credit-of-3-bytes", "5.7", "discarded").hello().send(
        echo(1, b"", REQ | START), event(oap.CREDIT, 1, b"\0\0\1")
    )
    talk("resp-from-client", "6.1", "discarded").hello().send(
        oap.frame(WHOLE_RESP, 200, ECHO, 5, b"x"), oap.frame(WHOLE_RESP, 404, ECHO, 6, pack({"reason": "app_unknown"}))
    )
    talk("continuation-unknown", "6.2", "answered 16 times, then discarded").hello().send_times(
        20, echo(5, b"x", REQ)
    ).expect_error(409, "corr_unknown", 5, ECHO, times=16)
    talk("continuation-after-end", "6.2").hello().send(echo(5, b"x"), echo(5, b"y", REQ | END)).expect(
        200, 5, ECHO, payload=b"x"
    ).expect_error(409, "corr_unknown", 5, ECHO)
    talk("continuation-after-cancel", "6.2", "under way when it was cancelled").hello().send(
        echo(5, b"", REQ | START), event(oap.CANCEL, 5), echo(5, b"y", REQ)
    )
    talk("continuation-after-refusal", "6.2", "under way when its START was refused").hello().send(
        oap.frame(REQ | START, 0, 250, 5), oap.frame(REQ, 0, 250, 5, b"x"), oap.frame(REQ | END, 0, 250, 5)
    ).expect_error(404, "app_unknown", 5, 250)
    talk("start-twice", "6.2", "the stream ends").hello().send(
        echo(5, b"", REQ | START), echo(5, b"", REQ | START)
    ).expect_error(409, "bad_state", 5, ECHO).send(echo(5, b"", REQ | END))
    for field, frame in (
        ("code", oap.frame(REQ, 7, ECHO, 5)),
        ("app", oap.frame(REQ, 0, 250, 5)),
        ("tenant", echo(5, b"", REQ, tenant=TENANT)),
        ("kind", echo(5, b"", EVENT)),
    ):
        talk(f"continuation-of-another-{field}", "6.2", "the stream ends").hello().send(
            echo(5, b"", REQ | START), frame
        ).expect_error(409, "bad_state", 5, ECHO)
    talk("corr-dup", "6.2", "the first request, held by credit, is not harmed").hello(initial_window=1_024).send(
        echo(5, b"x" * 1_500, REQ | START), echo(5, b"", REQ | END)
    ).expect_stream(5, b"x" * 1_024, True, False).send(echo(5, b"dup")).expect_error(409, "corr_dup", 5, ECHO).send(
        credit(5, 1_000)
    ).expect_stream(5, b"x" * 476, False, True)
    talk("inflight", "10.1", "one request at a time was agreed").hello(max_inflight=1).send(
        echo(5, b"", REQ | START), echo(6, b"x")
    ).expect_error(429, "inflight", 6, ECHO).send(echo(5, b"", REQ | END)).expect(
        200, 5, ECHO, payload=b""
    )
    talk("credit-exceeded", "7.5", "the client grants nothing, so nothing is consumed and no credit comes back").hello(
        initial_window=1_024
    ).send(echo(5, b"", REQ | START)).send_filled(REQ, 1_048_000, 5, times=2).expect_stream(
        5, b"a" * 1_024, True, False
    ).expect_error(409, "credit_exceeded", 5, ECHO)
    return [item.build() for item in out]


def conversations():
    return [transcript_vector(), *talks(), *connection_refusals(), *message_refusals()]

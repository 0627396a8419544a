"""Every bound of this client, with its reason. Sizes are bytes, times are seconds."""

# Connecting and HELLO together: a node that is there answers in milliseconds.
CONNECT_SECONDS = 10.0
# One call, unless the caller says otherwise.
CALL_SECONDS = 30.0
# Credit granted to each reply stream (oap-1.md §7.2): what one reply may hold in memory here.
WINDOW_BYTES = 1_048_576
# Frames of a request stream (oap-1.md §7.6).
CHUNK_BYTES = 65_536
# One read of the socket.
READ_BYTES = 262_144
# Tries of one call that the node refuses for now.
TRIES = 5
# First pause where a retryable refusal names none; it doubles.
PAUSE_SECONDS = 0.2
# A record of a subscription (mailbox-1.md §7.1).
RECORD_BYTES_MAX = 2_097_152
# A reply that is collected whole.
REPLY_BYTES_MAX = 67_108_864
# The metadata of a GET (storage-1.md §5.2).
METADATA_BYTES_MAX = 1_024

# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes the snapshots beside this file, using only the grammar in core/snapshot/SNAPSHOT.md.

Usage: make.py [--check]. With --check it writes nothing and exits 1 if a file differs. Needs only
the standard library of Python 3.9 or later. The content of the files is written down here and,
independently, in snapshot_golden_test.cc. A file of a released version never changes; a new version
adds files.
"""

import hashlib
import hmac
import pathlib
import struct
import sys

FOLDER = pathlib.Path(__file__).parent
SECRET = bytes(range(32))
HEADER_BYTES = 137
TAIL_BYTES = 36
NEVER = 2**64 - 1


def crc32c(data: bytes) -> int:
    """Computes the checksum bit by bit, so that it shares nothing with the tables under test."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF


def floats(values) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def reply(step_index, payload_digest, flags, extents, outputs, states) -> bytes:
    return (struct.pack("<Q16sIIQ", step_index, payload_digest, flags, len(extents), len(states))
            + struct.pack(f"<{len(extents)}q", *extents) + floats(outputs) + floats(states))


def snapshot(session_id, model, model_digest, layout_digest, fingerprint, epoch, nonce, version,
             idle_timeout_ns, reply_window, durability, state, replies) -> bytes:
    fields = struct.pack(
        "<32s32sQQQQHHHBBQB", model_digest, layout_digest, epoch, nonce, version, idle_timeout_ns,
        len(session_id), len(model), len(fingerprint), reply_window, len(replies), len(state),
        durability)
    fields += session_id + model + fingerprint + floats(state) + b"".join(replies)
    key_id = hashlib.sha256(SECRET).digest()[:4]
    head = struct.pack("<8sHH4sQ", b"RNNSNAP\0", 1, HEADER_BYTES, key_id,
                       24 + len(fields) + TAIL_BYTES)
    signed = head + fields
    signed += struct.pack("<I", crc32c(signed))
    return signed + hmac.new(SECRET, signed, hashlib.sha256).digest()


FILES = {
    # The session was opened and not stepped, so everything is as small as it can be.
    "v1_minimal.snapshot": snapshot(
        session_id=b"a", model=b"m", model_digest=bytes([0x11] * 32),
        layout_digest=bytes([0x22] * 32), fingerprint=b"", epoch=0, nonce=0, version=0,
        idle_timeout_ns=NEVER, reply_window=1, durability=0, state=[], replies=[]),
    # There are two replies, one with one timestep and one with two; one of them has states. The
    # numbers differ in every byte, so that a byte in the wrong place is noticed.
    "v1_two_replies.snapshot": snapshot(
        session_id=b"user:42_A.b-c", model=b"weather-lstm.v2",
        model_digest=bytes(range(0x40, 0x60)), layout_digest=bytes(range(0x80, 0xA0)),
        fingerprint=b"0.1.0 avx2", epoch=0x0102030405060708, nonce=0xF1F2F3F4F5F6F7F8,
        version=2**63 + 5, idle_timeout_ns=300_000_000_000, reply_window=4, durability=2,
        state=[0.5, -1.0, 0.0, -0.0, 3.4028234663852886e38, 1.401298464324817e-45],
        replies=[
            reply(7, bytes(range(16)), 0, [1, 2], [0.25, -0.75], []),
            reply(2**64 - 1, bytes(range(0xF0, 0x100)), 0x80000001, [2, 1, 3],
                  [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [10.0, 20.0]),
        ]),
}


def main() -> int:
    if sys.argv[1:] == ["--check"]:
        wrong = [name for name, data in FILES.items() if (FOLDER / name).read_bytes() != data]
        print(f"{len(FILES)} files, {len(wrong)} differ", *wrong)
        return 1 if wrong else 0
    for name, data in FILES.items():
        (FOLDER / name).write_bytes(data)
        print(name, len(data), "bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""A client that exists to be killed: it steps a detached session on a stream as fast as it can and
prints a line for each answer. It begins when it reads a line.

usage: stream_client.py SERVER SESSION TUNE
"""

import sys

import example
import grpc
from oracle import MODEL, frames
from rnnserve.v1 import session_pb2

NUM_STEPS = 100_000  # Far more than it makes before it is killed.


def main():
    server, session_id, tune = sys.argv[1], sys.argv[2], int(sys.argv[3])
    print("ready", flush=True)
    sys.stdin.readline()
    with grpc.insecure_channel(server) as channel:
        stream = example.Stream(channel)
        stream.do(open=session_pb2.OpenSessionRequest(
            model=MODEL, session_id=session_id, detached=True))
        for index in range(NUM_STEPS):
            frame = example.to_tensor(frames(tune, index, index + 1))
            stream.do(step=session_pb2.StepRequest(session_id=session_id, input=frame))
            print(index, flush=True)


if __name__ == "__main__":
    main()

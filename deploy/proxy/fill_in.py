#!/usr/bin/env python3
# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Fills in a template of this folder and prints it: the address to listen on, and the replicas.

    deploy/proxy/fill_in.py haproxy.cfg --listen 0.0.0.0:50051 --folder /run/rnnserve-proxy \\
      rnn-0.rnnserve:50051 rnn-1.rnnserve:50051 rnn-2.rnnserve:50051

The order of the replicas is their place on the ring of HAProxy and of Envoy. To remove one, put `-`
in its place, so that the others keep theirs.
"""

import argparse
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
WORD = re.compile(r"@(\w+)@")
OF_A_REPLICA = re.compile(r"@replica(_host|_port)?@")
NO_REPLICA = "-"


def fill_in(template, listen, folder, replicas):
    """Returns the text of a template. A line that names the replica is repeated for each."""
    words = {**_words_of_address("listen", listen), "folder": str(folder)}
    lines = []
    for line in template.splitlines():
        if line.lstrip().startswith("#"):
            lines.append(line)
        elif not OF_A_REPLICA.search(line):
            lines.append(_put(line, words))
        else:
            lines += _repeat(line, words, replicas)
    return "\n".join(lines) + "\n"


def _repeat(line, words, replicas):
    for index, replica in enumerate(replicas):
        if replica != NO_REPLICA:
            own = {"index": str(index), "number": str(index + 1)}
            yield _put(line, words | _words_of_address("replica", replica) | own)


def _words_of_address(name, address):
    host, _, port = address.rpartition(":")
    return {name: address, f"{name}_host": host.strip("[]"), f"{name}_port": port}


def _put(line, words):
    return WORD.sub(lambda match: words[match.group(1)], line)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("template", choices=["haproxy.cfg", "nginx.conf", "envoy.yaml"])
    parser.add_argument("--listen", required=True, help="HOST:PORT for clients")
    parser.add_argument("--folder", required=True, help="for the proxy's sockets and other files")
    parser.add_argument("replicas", nargs="+", metavar="REPLICA", help="HOST:PORT of gRPC")
    chosen = parser.parse_args()
    template = (HERE / chosen.template).read_text(encoding="utf-8")
    print(fill_in(template, chosen.listen, chosen.folder, chosen.replicas), end="")


if __name__ == "__main__":
    main()

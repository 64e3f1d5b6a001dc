# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of the README's section "Serve your ONNX model" and compares what they print.

A line `$ COMMAND` is run by a shell in a folder that looks like the project's root. The lines below
it are what the command prints; a line `...` stands for any lines. Numbers need not be the same to
the last digit. The server listens on free ports instead of the usual ones.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from process import Process
from served import PROGRAM, ROOT, START_S, TIMEOUT_S

SECTION = "## Serve your ONNX model\n"
DIGEST = re.compile(r"\b[0-9a-f]{12,}\b")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
USUAL_ADDRESS = "localhost:50051"


def read_commands():
    """Returns [(command, lines that it prints)] of the section."""
    section = (ROOT / "README.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    commands = []
    for block in re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                commands.append((line[2:], []))
            elif commands and commands[-1][0].endswith("\\"):
                commands[-1] = (commands[-1][0][:-1] + line, [])
            else:
                commands[-1][1].append(line)
    return commands


def words(line):
    """Returns the line without its numbers and with single blanks, and the numbers. A digest, which
    changes with the importer, may be any."""
    line = DIGEST.sub("DIGEST", line)
    text = " ".join(NUMBER.sub("#", line).split())
    return text, [float(number) for number in NUMBER.findall(line)]


class ReadmeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for link, target in {"client": ROOT / "client", "proto": ROOT / "proto",
                             "build/release/bin": PROGRAM.parent}.items():
            (self.root / link).parent.mkdir(parents=True, exist_ok=True)
            (self.root / link).symlink_to(target)
        (self.root / "build/python/bin").mkdir(parents=True)
        # A link would make the interpreter forget its packages.
        python = self.root / "build/python/bin/python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -B "$@"\n')
        python.chmod(0o755)
        self.address = None

    def run_command(self, command):
        """Returns what a command prints. Starts a server in the background."""
        if command.endswith(" &"):
            self.start_server(command[:-2].split())
            return ""
        if self.address:
            command = command.replace("bin/rnnctl ", f"bin/rnnctl --server {self.address} ")
            command = command.replace(USUAL_ADDRESS, self.address)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=self.root,
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "PYTHONPATH": os.environ.get("PYTHONPATH", "")})
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr}")
        return done.stdout

    def start_server(self, command):
        addresses = self.root / "addresses.json"
        # The model's path is relative to the root.
        command = [re.sub(r"(?<==)client/", f"{ROOT}/client/", word) for word in command]
        command = [re.sub(r"(?<==)build/", f"{self.root}/build/", word) for word in command]
        server = Process([self.root / command[0], *command[1:], "--grpc-address=127.0.0.1:0",
                          "--metrics-address=127.0.0.1:0", f"--address-file={addresses}"],
                         self.root / "log")
        self.addCleanup(server.stop, TIMEOUT_S)
        self.address = server.await_addresses(addresses, START_S)["grpc"]

    def assert_prints(self, command, printed, expected):
        lines, at = [line for line in printed.splitlines() if line], 0
        may_skip = False
        for line in filter(None, expected):
            if line == "...":
                may_skip = True
                continue
            text, numbers = words(line)
            while may_skip and at < len(lines) and words(lines[at])[0] != text:
                at += 1
            found = lines[at] if at < len(lines) else ""
            self.assertEqual(words(found)[0], text, f"{command} printed\n{printed}")
            for a, b in zip(words(found)[1], numbers):
                self.assertAlmostEqual(a, b, delta=1e-4 * max(1, abs(b)), msg=found)
            at, may_skip = at + 1, False
        if not may_skip:
            self.assertEqual(lines[at:], [], command)

    def test_commands_print_what_the_page_says(self):
        commands = read_commands()
        self.assertGreaterEqual(len(commands), 4)
        for command, expected in commands:
            self.assert_prints(command, self.run_command(command), expected)


if __name__ == "__main__":
    unittest.main()

# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The commands of a cluster: from the terminal, or from a script with the time of each."""

import asyncio
import collections
from dataclasses import dataclass

from process import STOP_SECONDS

HELP = """commands; N is the number of a replica:
  kill N      SIGKILL: it ends at once and loses its memory
  pause N     SIGSTOP: it stands still and does not answer
  resume N    SIGCONT
  drain N     SIGTERM: it finishes its work and ends
  restart N   starts it, after a drain if it runs
  sessions    the number of sessions of each replica, and a few of their ids
  quit        stops everything
"""
OF_A_REPLICA = ("kill", "pause", "resume", "drain", "restart")
OF_ALL = ("sessions", "quit", "help")
NUM_IDS_SHOWN = 5
POLL_SECONDS = 0.1


class UnknownCommand(ValueError):
    """A line is not a command. The text names the mistake."""


@dataclass(frozen=True)
class Command:
    name: str
    number: int = -1


def parse(line, num_replicas):
    """Returns the command of a line, or None for an empty line. Raises UnknownCommand."""
    words = line.split("#")[0].split()
    if not words:
        return None
    if words[0] in OF_ALL and len(words) == 1:
        return Command(words[0])
    if words[0] in OF_A_REPLICA and len(words) == 2 and words[1].isdigit():
        if int(words[1]) < num_replicas:
            return Command(words[0], int(words[1]))
        raise UnknownCommand(f"there is no replica {words[1]}, only 0 to {num_replicas - 1}")
    raise UnknownCommand(f"cannot do '{line.strip()}'; 'help' lists the commands")


def parse_script(text, num_replicas):
    """Returns [(second, command)] of lines like `2.5 kill 1`, by time. Raises UnknownCommand."""
    timed = []
    for line in text.splitlines():
        second, _, rest = line.split("#")[0].strip().partition(" ")
        if not second:
            continue
        try:
            timed.append((float(second), parse(rest, num_replicas)))
        except ValueError as error:
            raise UnknownCommand(f"in the script, '{line}': {error}") from None
    if any(command is None for _, command in timed):
        raise UnknownCommand("in the script: a second without a command")
    return sorted(timed, key=lambda each: each[0])


async def run(command, replicas):
    """Performs a command on one replica. Returns the text to print."""
    replica = replicas[command.number]
    if command.name == "restart":
        return await _restart(replica)
    if not replica.is_running():
        return f"replica {command.number} is down"
    getattr(replica, command.name)()
    return f"{command.name} {command.number}: pid {replica.pid}"


async def _restart(replica):
    """Runs in the thread of the event loop, the main one, because Process requires that."""
    if replica.is_running():
        replica.resume()
        replica.drain()
    waiting = STOP_SECONDS
    while replica.is_running() and waiting > 0:
        await asyncio.sleep(POLL_SECONDS)
        waiting -= POLL_SECONDS
    replica.kill()
    replica.start()
    return f"restart {replica.index}: pid {replica.pid}"


def list_sessions(replicas):
    """Yields the output of `sessions`, and a warning for each id that two replicas have."""
    holders = collections.defaultdict(list)
    for replica in replicas:
        if replica.state() != "serving":
            yield f"  {replica.index}: {replica.state()}"
            continue
        ids = sorted(replica.session_ids())
        for session_id in ids:
            holders[session_id].append(replica.index)
        more = ", ..." if len(ids) > NUM_IDS_SHOWN else ""
        yield f"  {replica.index}: {len(ids)}: {', '.join(ids[:NUM_IDS_SHOWN])}{more}"
    for session_id, numbers in holders.items():
        if len(numbers) > 1:
            yield f"  {session_id} is in the replicas {numbers}"

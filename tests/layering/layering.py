# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""Checks the tree against rules.py and prints every breach as file:line: text.

Usage: layering.py ROOT. Exits 1 if there is a breach.
"""

import functools
import os
import re
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

from rules import (
    ENGINE_FOLDERS, LIBRARY_OF_INCLUDE, LIBRARY_OF_TARGET, PRIVATE_FOLDERS, RULES, SKIPPED_FOLDERS,
    TIME_CALL, TIME_SOURCES, TIMELESS_FOLDERS, UNLICENSED_FILES, UNLICENSED_FOLDERS,
    UNLICENSED_SUFFIXES, UNREACHABLE,
)

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
CMAKE_CALL = re.compile(
    r"\b(rnnserve_library|rnnserve_program|target_link_libraries)\s*\(([^()]*)\)")
GENERATED_HEADER = re.compile(r"(rnnserve|google/rpc)/.*\.pb\.h$")
# The pattern is written in two parts, so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/" + r"(?:work|root|home|tmp)/\w")
MARKDOWN_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
CODE_REFERENCE = re.compile(
    r"`((?:client|core|deploy|proto|server|tests)/[\w./-]+\.(?:h|cc|md|proto|py))(?:: ([\w:]+))?`")
LOCK_ADDRESS = re.compile(r'"resolved"\s*:')


class Breach(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


class Tree:
    """The files below a root, each read once. Binary files have no lines."""

    def __init__(self, root: Path):
        self.root = root
        self.paths = sorted(self._walk())

    def _walk(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            for name in files:
                if name != ".git":  # a file where the folder is a worktree
                    yield (Path(folder) / name).relative_to(self.root).as_posix()

    @functools.lru_cache(maxsize=None)
    def lines(self, path: str) -> tuple:
        data = (self.root / path).read_bytes()
        return () if b"\0" in data else tuple(data.decode("utf-8", "replace").split("\n"))

    @functools.lru_cache(maxsize=None)
    def includes(self, path: str) -> tuple:
        """Returns a pair (line number, header) for every #include."""
        matches = ((i, INCLUDE.match(line)) for i, line in enumerate(self.lines(path), 1))
        return tuple((i, match.group(1)) for i, match in matches if match)

    def sources(self) -> Iterator[str]:
        return (path for path in self.paths if path.endswith((".h", ".cc")))


def folder_of(path: str) -> str:
    """Returns the folder of RULES that contains a path, or ""."""
    return next((f for f in sorted(RULES, reverse=True) if path.startswith(f + "/")), "")


def classify_include(header: str) -> str:
    """Returns the folder or library that a header belongs to, or ""."""
    if GENERATED_HEADER.match(header):
        return "proto"
    if header.startswith(("core/", "server/", "client/", "tests/")):
        return folder_of(header) or header.split("/")[0]
    return next((name for pattern, name in LIBRARY_OF_INCLUDE if pattern.match(header)), "")


def breach_of_use(folder: str, used: str, what: str) -> str:
    """Returns why `folder` must not use `what`, which belongs to `used`; "" if it may."""
    rule = RULES[folder]
    if used == folder or used in rule.folders or used in rule.libraries:
        return ""
    if not used:
        return f"{what} belongs to no library that rules.py knows"
    return f"{folder} must not use {what} ({used})"


def check_includes(tree: Tree) -> Iterator[Breach]:
    for path in tree.sources():
        folder = folder_of(path)
        if not folder:
            if path.startswith("core/"):
                yield Breach(path, 1, "this folder of core is not in rules.py")
            continue
        for line, header in tree.includes(path):
            text = breach_of_use(folder, classify_include(header), header)
            if text:
                yield Breach(path, line, text)


def check_private(tree: Tree) -> Iterator[Breach]:
    for path in tree.sources():
        folder = folder_of(path)
        for line, header in tree.includes(path) if folder else ():
            for pattern, owner in PRIVATE_FOLDERS:
                if not pattern.match(header):
                    continue
                if folder != owner:
                    yield Breach(path, line, f"{header} is private to {owner}")
                elif re.fullmatch(rf"{owner}/\w+\.h", path):
                    yield Breach(path, line, f"{header} is private: a header of {owner} shows it")


def check_engine_folders(tree: Tree) -> Iterator[Breach]:
    inside = re.compile(r"core/engine/(\w+)/")
    for path in tree.sources():
        own = inside.match(path)
        if not own:
            continue
        if own.group(1) not in ENGINE_FOLDERS:
            yield Breach(path, 1, "this folder of core/engine is not in rules.py")
            continue
        allowed = ENGINE_FOLDERS[: ENGINE_FOLDERS.index(own.group(1)) + 1]
        for line, header in tree.includes(path):
            used = inside.match(header)
            if used and used.group(1) not in allowed:
                yield Breach(path, line, f"inside core/engine {own.group(1)} must not use {header}")


def reach(tree: Tree, path: str, seen: dict, trail: tuple) -> None:
    """Fills seen[header] with the chain of files through which `path` includes the header."""
    for _, header in tree.includes(path):
        if header not in seen:
            seen[header] = trail
            if header in tree.paths:
                reach(tree, header, seen, trail + (header,))


def check_reach(tree: Tree) -> Iterator[Breach]:
    for path in tree.sources():
        pattern, reason = UNREACHABLE.get(folder_of(path), (None, ""))
        if pattern is None:
            continue
        for line, header in tree.includes(path):
            seen = {header: ()}
            if header in tree.paths:
                reach(tree, header, seen, (header,))
            for reached, trail in seen.items():
                if pattern.match(reached):
                    way = f" through {' -> '.join(trail)}" if trail else ""
                    yield Breach(path, line, f"{reason}, but this reaches {reached}{way}")


def link_calls(tree: Tree) -> Iterator[tuple]:
    """Yields (path, line, function, first argument, other arguments) of every call that links."""
    for path in tree.paths:
        if not path.endswith("CMakeLists.txt"):
            continue
        text = "\n".join(line.split("#")[0] for line in tree.lines(path))
        for match in CMAKE_CALL.finditer(text):
            name, *arguments = match.group(2).split() or [""]
            yield path, text.count("\n", 0, match.start()) + 1, match.group(1), name, arguments


def linked_targets(function: str, arguments: list) -> list:
    """Returns the targets among the arguments: all those of target_link_libraries, or those after
    DEPS."""
    if function == "target_link_libraries":
        return [a for a in arguments if a not in ("PUBLIC", "PRIVATE", "INTERFACE")]
    targets, in_deps = [], False
    for argument in arguments:
        if argument.isupper():
            in_deps = argument.endswith("DEPS")
        elif in_deps:
            targets.append(argument)
    return targets


def check_links(tree: Tree) -> Iterator[Breach]:
    calls = list(link_calls(tree))
    home = {"proto": "proto", "onnx_proto": "onnx"}
    home.update({name: folder_of(path) for path, _, function, name, _ in calls
                 if function == "rnnserve_library" and folder_of(path)})
    for path, line, function, _, arguments in calls:
        folder = folder_of(path)
        for target in linked_targets(function, arguments) if folder else []:
            own = re.fullmatch(r"rnnserve(?:::|_)(\w+)", target)
            if own and own.group(1) == "compiler":
                continue
            used = home.get(own.group(1), "") if own else next(
                (name for pattern, name in LIBRARY_OF_TARGET if pattern.match(target)), "")
            text = breach_of_use(folder, used, f"the target {target}")
            if text:
                yield Breach(path, line, text)


def check_time(tree: Tree) -> Iterator[Breach]:
    for path in tree.sources():
        if not path.startswith(TIMELESS_FOLDERS) or path in TIME_SOURCES:
            continue
        for i, line in enumerate(tree.lines(path), 1):
            if TIME_CALL.search(line.split("//")[0]):
                yield Breach(path, i, "time is passed in: take a Clock, or let main do it")


def needs_licence(path: str) -> bool:
    return not (path.endswith(UNLICENSED_SUFFIXES) or path in UNLICENSED_FILES
                or path.startswith(UNLICENSED_FOLDERS))


def check_licence(tree: Tree) -> Iterator[Breach]:
    for path in tree.paths:
        head = "\n".join(tree.lines(path)[:4])
        if head and needs_licence(path) and not (
                "Copyright The rnnserve Authors." in head
                and "SPDX-License-Identifier: Apache-2.0" in head):
            yield Breach(path, 1, "the copyright and licence lines are missing")


def check_addresses(tree: Tree) -> Iterator[Breach]:
    for path in tree.paths:
        for i, line in enumerate(tree.lines(path), 1):
            if MACHINE_PATH.search(line):
                yield Breach(path, i, "a path of somebody's machine")
            if path.endswith("package-lock.json") and LOCK_ADDRESS.search(line):
                yield Breach(path, i, "a lock file must not name where packages come from")


def check_documents(tree: Tree) -> Iterator[Breach]:
    for path in tree.paths:
        for i, line in enumerate(tree.lines(path), 1) if path.endswith(".md") else ():
            for target in MARKDOWN_LINK.findall(line):
                if not (tree.root / path).parent.joinpath(target).exists():
                    yield Breach(path, i, f"the link to {target} leads nowhere")
            for file, name in CODE_REFERENCE.findall(line):
                if file not in tree.paths:
                    yield Breach(path, i, f"there is no file {file}")
                elif not any(name.split("::")[-1] in text for text in tree.lines(file)):
                    yield Breach(path, i, f"{file} does not name {name}")


CHECKS = (check_includes, check_private, check_engine_folders, check_reach, check_links,
          check_time, check_licence, check_addresses, check_documents)


def breaches(root: Path) -> list:
    tree = Tree(root)
    return [breach for check in CHECKS for breach in check(tree)]


def main() -> int:
    root = Path(sys.argv[1])
    found = breaches(root)
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(Tree(root).paths)} files, {len(found)} breaches")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

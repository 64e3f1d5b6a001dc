# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""The report of a ResumableSession to its observer."""

import dataclasses


@dataclasses.dataclass
class Resumption:
    """How a lost session was recovered: see client/cpp/resumption.h."""

    version_before: int
    durable_version_before: int
    version_found: int = 0
    num_replayed: int = 0
    is_regressed: bool = False
    is_reopened: bool = False
    has_different_outputs: bool = False

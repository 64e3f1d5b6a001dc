# Copyright The rnnserve Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a ResumableSession tells its observer."""

import dataclasses


@dataclasses.dataclass
class Resumption:
    """What became of a session that was lost: see client/cpp/resumption.h."""

    version_before: int
    durable_version_before: int
    version_found: int = 0
    num_replayed: int = 0
    is_regressed: bool = False
    is_reopened: bool = False
    has_different_outputs: bool = False

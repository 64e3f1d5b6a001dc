// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/continuity.h"

namespace rnnserve {

void Continuity::NoteStored(uint64_t version, uint64_t revision, int64_t now) {
  if (version > durable_version.load(std::memory_order_relaxed)) {
    durable_version.store(version, std::memory_order_relaxed);
  }
  if (revision < durable_revision.load(std::memory_order_relaxed)) return;
  durable_revision.store(revision, std::memory_order_relaxed);
  snapshot_time.store(now, std::memory_order_relaxed);
}

}  // namespace rnnserve

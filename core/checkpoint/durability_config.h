// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_
#define RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_

#include <memory>

#include "core/checkpoint/checkpoint_options.h"
#include "core/session/durability.h"
#include "core/snapshot/snapshot_key.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// How an engine makes its sessions durable. Movable. Thread-compatible.
struct DurabilityConfig {
  std::unique_ptr<SnapshotStore> store;  // null: sessions are only exported and imported
  // The keys that sign snapshots. All servers that share sessions need the same keys.
  SnapshotKeys keys;
  CheckpointOptions checkpoints{};
  // The durability of a detached session whose client does not ask for one.
  Durability default_durability = Durability::kAsync;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_

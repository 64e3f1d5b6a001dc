// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_
#define RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_

#include <memory>

#include "core/checkpoint/checkpointer.h"
#include "core/session/durability.h"
#include "core/snapshot/snapshot_key.h"
#include "core/snapshot/snapshot_store.h"

namespace rnnserve {

// Where the sessions of an engine outlive it.
struct DurabilityConfig {
  std::unique_ptr<SnapshotStore> store;  // null: sessions are only exported and imported
  // What snapshots are signed with: the same in all servers that share sessions.
  SnapshotKeys keys;
  Checkpointer::Options checkpoints{};
  // Of detached sessions that ask for none.
  Durability default_durability = Durability::kAsync;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_CHECKPOINT_DURABILITY_CONFIG_H_

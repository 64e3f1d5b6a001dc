// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_OPEN_SNAPSHOT_STORE_H_
#define RNNSERVE_SERVER_OPEN_SNAPSHOT_STORE_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/checkpoint/checkpointer.h"
#include "core/checkpoint/durability_config.h"

namespace rnnserve::server {

// The snapshot store of durable sessions. The help texts of the flags (see ParseCommandLine)
// document the fields.
struct SnapshotStoreOptions {
  std::string url;  // empty: no snapshot store
  std::string key_prefix = "rnnserve:";
  std::string key_file;
  std::string other_key_file;  // empty: none
  std::string durability = "async";
  CheckpointOptions checkpoints;
};

// Reads the keys and connects to the snapshot store. Without a URL the result has no store, only
// the keys; with neither a URL nor a key file there is no result. Blocks for a few seconds if the
// store does not answer. Errors: any error of ParseRedisUrl, RedisSnapshotStore::Create and
// SnapshotKey::Parse; INVALID_ARGUMENT (SNAPSHOT_KEY) if no key file is given or it cannot be read.
absl::StatusOr<std::optional<DurabilityConfig>> OpenSnapshotStore(
    const Clock& clock, const SnapshotStoreOptions& options);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_OPEN_SNAPSHOT_STORE_H_

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

// Where durable sessions are kept. The texts of the flags (see ParseCommandLine) are the
// documentation of the fields.
struct StoreOptions {
  std::string url;  // empty: there is no store
  std::string key_prefix = "rnnserve:";
  std::string key_file;
  std::string other_key_file;  // empty: none
  std::string durability = "async";
  Checkpointer::Options checkpoints;
};

// Connects to the store and reads the keys; without a URL there is no store, without a key nothing
// at all. Blocks for some seconds if the store does not answer. Errors: those of ParseRedisUrl,
// RedisSnapshotStore::Create and SnapshotKey::Parse; INVALID_ARGUMENT (SNAPSHOT_KEY): no key file
// is given or it cannot be read.
absl::StatusOr<std::optional<DurabilityConfig>> OpenStore(const Clock& clock,
                                                          const StoreOptions& options);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_OPEN_SNAPSHOT_STORE_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/open_snapshot_store.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/snapshot/snapshot_key.h"
#include "server/redis/redis_address.h"
#include "server/redis/redis_snapshot_store.h"

namespace rnnserve::server {
namespace {

absl::StatusOr<SnapshotKey> ReadKey(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return InvalidArgument("SNAPSHOT_KEY", absl::StrCat("cannot read ", path));
  auto key = SnapshotKey::Parse(text);
  if (!key.ok()) return Annotate(key.status(), path);
  return key;
}

absl::StatusOr<SnapshotKeys> ReadKeys(const SnapshotStoreOptions& options) {
  if (options.key_file.empty()) {
    return InvalidArgument("SNAPSHOT_KEY",
                           "--store needs --snapshot-key-file; `openssl rand -hex 32` makes a key");
  }
  RNNSERVE_ASSIGN_OR_RETURN(const SnapshotKey current, ReadKey(options.key_file));
  if (options.other_key_file.empty()) return SnapshotKeys(current);
  RNNSERVE_ASSIGN_OR_RETURN(const SnapshotKey other, ReadKey(options.other_key_file));
  return SnapshotKeys(current, other);
}

Durability DurabilityFromName(const std::string& name) {
  if (name == "none") return Durability::kNone;
  return name == "sync" ? Durability::kSync : Durability::kAsync;
}

}  // namespace

absl::StatusOr<std::optional<DurabilityConfig>> OpenSnapshotStore(
    const Clock& clock, const SnapshotStoreOptions& options) {
  if (options.url.empty() && options.key_file.empty()) return std::nullopt;
  RNNSERVE_ASSIGN_OR_RETURN(const SnapshotKeys keys, ReadKeys(options));
  if (options.url.empty()) return DurabilityConfig{nullptr, keys};
  RedisSnapshotStore::Options redis;
  redis.key_prefix = options.key_prefix;
  RNNSERVE_ASSIGN_OR_RETURN(redis.client.address, ParseRedisUrl(options.url));
  RNNSERVE_ASSIGN_OR_RETURN(std::unique_ptr<SnapshotStore> store,
                            RedisSnapshotStore::Create(clock, std::move(redis)));
  return DurabilityConfig{std::move(store), keys, options.checkpoints,
                          DurabilityFromName(options.durability)};
}

}  // namespace rnnserve::server

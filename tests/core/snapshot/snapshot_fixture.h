// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_SNAPSHOT_SNAPSHOT_FIXTURE_H_
#define RNNSERVE_TESTS_CORE_SNAPSHOT_SNAPSHOT_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "core/snapshot/crc32c.h"
#include "core/snapshot/snapshot.h"
#include "core/snapshot/snapshot_frame.h"

// Keys and snapshots for tests, and the tools of a forger who has the key.
namespace rnnserve::testing {

inline SnapshotKey KeyOf(uint8_t byte) {
  SnapshotKey::Secret secret;
  secret.fill(byte);
  return SnapshotKey(secret);
}

inline SnapshotKeys TestKeys() { return SnapshotKeys(KeyOf(1)); }

// Returns the digest whose bytes are all `byte`.
inline Snapshot::Digest DigestOf(uint8_t byte) {
  Snapshot::Digest digest;
  digest.fill(byte);
  return digest;
}

// Returns session "s-1" at step 12 with two replies. No field has its default value.
inline Snapshot TwoReplies() {
  Snapshot snapshot;
  snapshot.session_id = "s-1";
  snapshot.model = "echo";
  snapshot.model_digest = DigestOf(0x31);
  snapshot.layout_digest = DigestOf(0x32);
  snapshot.kernel_fingerprint = "test sse4";
  snapshot.epoch = 3;
  snapshot.nonce = 0xFEDCBA9876543210;
  snapshot.version = 12;
  snapshot.idle_timeout = absl::Seconds(30);
  snapshot.reply_window = 4;
  snapshot.durability = 1;
  snapshot.state = {1.0f, -2.5f, 0.125f};
  snapshot.replies.push_back({10, {1, 2, 3}, 0, Shape({1, 2}), {4.0f, 5.0f}, {}});
  snapshot.replies.push_back({11, {7, 8, 9}, 5, Shape({2}), {6.0f, 7.0f}, {8.0f, 9.0f, 10.0f}});
  return snapshot;
}

// Returns the same snapshot with the largest state that fits into 1 KiB.
inline std::string OneKibibyte() {
  Snapshot snapshot = TwoReplies();
  const size_t missing = 1024 - EncodeSnapshot(snapshot, KeyOf(1)).size();
  snapshot.state.resize(snapshot.state.size() + missing / sizeof(float), 0.75f);
  return EncodeSnapshot(snapshot, KeyOf(1));
}

// Corrects the length, checksum and MAC of changed bytes, as a forger with the key could, and
// leaves everything else as it is. REQUIRES: the bytes are at least as long as a frame.
inline std::string Reseal(std::string bytes, const SnapshotKey& key = KeyOf(1)) {
  const uint64_t total_bytes = bytes.size();
  bytes.replace(16, sizeof(total_bytes), reinterpret_cast<const char*>(&total_bytes),
                sizeof(total_bytes));
  bytes.resize(bytes.size() - kFrameTailBytes);
  const uint32_t checksum = Crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  const SnapshotKey::Mac mac = key.MacOf(bytes);
  return bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());
}

// Returns the bytes with a number written at `offset`, sealed again.
template <typename T>
std::string With(std::string bytes, size_t offset, T value) {
  bytes.replace(offset, sizeof(value), reinterpret_cast<const char*>(&value), sizeof(value));
  return Reseal(std::move(bytes));
}

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_SNAPSHOT_SNAPSHOT_FIXTURE_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/shape.h"
#include "core/snapshot/snapshot_key.h"

namespace rnnserve {

// The format that EncodeSnapshot writes, and the oldest that DecodeSnapshot reads: the one before,
// once there is one. This is the whole rule; SNAPSHOT.md has the grammar of each version.
constexpr uint16_t kSnapshotVersion = 1;
constexpr uint16_t kOldestSnapshotVersion = kSnapshotVersion == 1 ? 1 : kSnapshotVersion - 1;

// Fixed by the format.
constexpr size_t kSnapshotNameSizeMax = 128;  // of a session id, of a model's name
constexpr size_t kFingerprintSizeMax = 64;
constexpr size_t kReplyWindowMax = 16;
constexpr int kReplyRankMax = 8;
constexpr uint8_t kDurabilityMax = 2;

// The reply to one committed step, kept for a client that asks again. Owns its values.
// Thread-compatible.
struct StoredReply {
  uint64_t step_index = 0;
  std::array<uint8_t, 16> payload_digest{};  // of the request
  uint32_t flags = 0;                        // the caller's; the format gives them no meaning
  Shape output_shape;                        // at most kReplyRankMax extents
  std::vector<float> outputs;                // as many as output_shape says, row-major
  std::vector<float> states;                 // those that the client asked for, or none

  friend bool operator==(const StoredReply&, const StoredReply&) = default;
};

// A session at rest: all that another server needs to go on with it, bit for bit. The two digests
// and the fingerprint are for whoever restores it to compare with what it has.
//
// Owns everything. Thread-compatible.
struct Snapshot {
  using Digest = std::array<uint8_t, 32>;  // SHA-256

  std::string session_id;          // 1 to 128 of [A-Za-z0-9._:-]
  std::string model;               // its name: 1 to 128 of [A-Za-z0-9._-]
  Digest model_digest{};           // of its bundle
  Digest layout_digest{};          // of the names and shapes of its states
  std::string kernel_fingerprint;  // build and instruction set, which the bits depend on: up to 64
                                   // printable ASCII characters
  uint64_t epoch = 0;              // grows when another server takes over
  uint64_t nonce = 0;              // the owner within the epoch
  uint64_t version = 0;            // number of committed steps
  absl::Duration idle_timeout = absl::InfiniteDuration();  // or 1 ns to 292 years, in whole ns
  int reply_window = 1;                                    // 1 to 16
  uint8_t durability = 0;            // 0 none, 1 async, 2 sync; what that means is the caller's
  std::vector<float> state;          // the block, as StateLayout orders it
  std::vector<StoredReply> replies;  // at most reply_window, by ascending step_index

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// What DecodeSnapshot takes from a store that may hold anything.
struct SnapshotLimits {
  // The whole snapshot. Sixteen replies of 4 MiB, the largest message, and as much again. Decoded
  // it takes about as much memory once more; to check it, it is read once.
  size_t bytes_max = size_t{128} << 20;
  // The state block. Whoever knows the model sets its size, so that another's costs nothing.
  size_t state_size_max = size_t{16} << 20;
};

// Whether the fields have the ranges that stand beside them. Errors: INVALID_ARGUMENT, reason
// SNAPSHOT_FIELD, naming the field and its numbers.
absl::Status CheckSnapshot(const Snapshot& snapshot);

// The snapshot as bytes for a store, checked by a checksum and signed with the key. The same
// snapshot and key give the same bytes. Allocates them once.
// REQUIRES: CheckSnapshot(snapshot) is OK; aborts otherwise.
std::string EncodeSnapshot(const Snapshot& snapshot, const SnapshotKey& key);

// Reads a snapshot that was stored for the session `session_id`; without one, for any. Nothing but
// the frame is looked at before its MAC is verified, and no length is believed before as many bytes
// are there. There is no part of a snapshot: all of it is read, or none. Errors:
//   DATA_LOSS, reason SNAPSHOT_BAD: it is damaged, cut short, longer than it says, not written with
//     one of the keys, beyond the limits, of a format older than kOldestSnapshotVersion, of another
//     session, or a field has a wrong value. The text says which, with the numbers and without
//     bytes, keys or ids.
//   FAILED_PRECONDITION, reason SNAPSHOT_VERSION: it is genuine and of a newer format.
absl::StatusOr<Snapshot> DecodeSnapshot(absl::string_view bytes, const SnapshotKeys& keys,
                                        std::optional<absl::string_view> session_id,
                                        const SnapshotLimits& limits = {});

// Whether another server may read what DecodeSnapshot calls SNAPSHOT_BAD here: it is whole, and
// written with a key that this one lacks, or genuine and of a format that it no longer reads.
bool MayBeReadElsewhere(absl::string_view bytes, const SnapshotKeys& keys);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_H_

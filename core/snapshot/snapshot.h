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

// The format version that EncodeSnapshot writes, and the oldest one that DecodeSnapshot reads: the
// version before it, if there is one. SNAPSHOT.md has the grammar of each version.
constexpr uint16_t kSnapshotVersion = 1;
constexpr uint16_t kOldestSnapshotVersion = kSnapshotVersion == 1 ? 1 : kSnapshotVersion - 1;

// The format fixes these limits.
constexpr size_t kSnapshotNameSizeMax = 128;  // of a session id, of a model's name
constexpr size_t kFingerprintSizeMax = 64;
constexpr size_t kReplyWindowMax = 16;
constexpr int kReplyRankMax = 8;
constexpr uint8_t kDurabilityMax = 2;

// The reply to one committed step, kept for a client that sends the step again. Owns its values.
// Thread-compatible.
struct StoredReply {
  uint64_t step_index = 0;
  std::array<uint8_t, 16> payload_digest{};  // of the request
  uint32_t flags = 0;                        // for the caller; the format gives them no meaning
  Shape output_shape;                        // at most kReplyRankMax extents
  std::vector<float> outputs;                // as many as output_shape says, row-major
  std::vector<float> states;                 // those that the client asked for, or none

  friend bool operator==(const StoredReply&, const StoredReply&) = default;
};

// A session at rest: all that another server needs to continue it, bit for bit. A server that
// restores it compares the two digests and the fingerprint with its own.
//
// Owns everything. Thread-compatible.
struct Snapshot {
  using Digest = std::array<uint8_t, 32>;  // SHA-256

  std::string session_id;          // 1 to 128 of [A-Za-z0-9._:-]
  std::string model;               // the model's name: 1 to 128 of [A-Za-z0-9._-]
  Digest model_digest{};           // of the model's bundle
  Digest layout_digest{};          // of the names and shapes of the model's states
  std::string kernel_fingerprint;  // of the build and instruction set, on which the bits of results
                                   // depend: up to 64 printable ASCII characters
  uint64_t epoch = 0;              // grows when another server takes over
  uint64_t nonce = 0;              // the owner within the epoch
  uint64_t version = 0;            // number of committed steps
  absl::Duration idle_timeout = absl::InfiniteDuration();  // or 1 ns to 292 years, in whole ns
  int reply_window = 1;                                    // 1 to 16
  uint8_t durability = 0;            // 0 none, 1 async, 2 sync; not interpreted here
  std::vector<float> state;          // the block, as StateLayout orders it
  std::vector<StoredReply> replies;  // at most reply_window, by ascending step_index

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// The largest snapshot that DecodeSnapshot accepts from a store that may hold anything.
struct SnapshotLimits {
  // The bytes of the whole snapshot: twice as many as sixteen replies of 4 MiB, the largest
  // message, need. Checking a snapshot reads all of it once; decoding takes about as much memory
  // again.
  size_t bytes_max = size_t{128} << 20;
  // The floats of the state block. A caller that knows the model sets the size of its state, so
  // that no memory is allocated for a larger one.
  size_t state_size_max = size_t{16} << 20;
};

// Checks that every field is in the range that the comment beside it gives. Errors:
// INVALID_ARGUMENT, reason SNAPSHOT_FIELD, naming the field and its numbers.
absl::Status CheckSnapshot(const Snapshot& snapshot);

// Returns the snapshot as bytes for a store, with a checksum and signed with the key. The same
// snapshot and key give the same bytes. Allocates once. REQUIRES: CheckSnapshot(snapshot) is OK;
// aborts otherwise.
std::string EncodeSnapshot(const Snapshot& snapshot, const SnapshotKey& key);

// Reads a snapshot that was stored for the session `session_id`; without an id, for any session.
// Reads nothing except the frame before the MAC is verified, and trusts no length before checking
// that the bytes are there. Returns the whole snapshot or an error, never a part of it. Errors:
//   DATA_LOSS, reason SNAPSHOT_BAD: it is damaged, truncated, longer than it says, not signed with
//     one of the keys, beyond the limits, in a format older than kOldestSnapshotVersion, of another
//     session, or a field is out of range. The text says which, with the numbers and without bytes,
//     keys or ids.
//   FAILED_PRECONDITION, reason SNAPSHOT_VERSION: it is genuine and in a newer format.
absl::StatusOr<Snapshot> DecodeSnapshot(absl::string_view bytes, const SnapshotKeys& keys,
                                        std::optional<absl::string_view> session_id,
                                        const SnapshotLimits& limits = {});

// Returns whether another server may be able to read a snapshot for which DecodeSnapshot returns
// SNAPSHOT_BAD here. That is so if it is undamaged and signed with a key that this server lacks, or
// genuine and in a format version that this server does not read.
bool MayBeReadElsewhere(absl::string_view bytes, const SnapshotKeys& keys);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_H_

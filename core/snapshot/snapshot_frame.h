// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FRAME_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/snapshot/snapshot_key.h"

namespace rnnserve {

// What surrounds the fields of a snapshot in every version of the format: at the front who wrote it
// and how long it is, at the end a checksum and a MAC. Because the frame never changes, a reader
// knows that a snapshot is genuine and undamaged before it looks at one of its fields, also when it
// does not know the version. SNAPSHOT.md has the bytes.

// Magic, version, length of the header, key id, length of the whole.
constexpr size_t kFrameHeadBytes = 24;
// CRC-32C and MAC.
constexpr size_t kFrameTailBytes = 36;

// A frame that was opened. `content`, what lies between its ends, belongs to the bytes it was
// opened from. Immutable; safe to share.
struct SnapshotFrame {
  uint16_t format_version = 0;
  uint16_t header_bytes = 0;  // of the fixed fields, the frame's own included
  absl::string_view content;
};

// DATA_LOSS, reason SNAPSHOT_BAD: how every reader of snapshots says what is wrong with one.
absl::Status BadSnapshot(absl::string_view text);

// Makes a snapshot of `bytes`: fills in the head and appends the tail.
// REQUIRES: kFrameHeadBytes bytes of any value are at the front; aborts otherwise.
void SealSnapshot(uint16_t format_version, uint16_t header_bytes, const SnapshotKey& key,
                  std::string& bytes);

// Opens what SealSnapshot made. Reads nothing but the frame and allocates nothing unless it fails.
// Errors: DATA_LOSS, reason SNAPSHOT_BAD, if the bytes are not a snapshot, are not as many as they
// say, were damaged, or were not written with one of the keys. The text tells these apart.
absl::StatusOr<SnapshotFrame> OpenSnapshot(absl::string_view bytes, const SnapshotKeys& keys);

// Whether the bytes are those of a frame, undamaged, whose key this server lacks: one that has it
// may read them.
bool HasForeignKey(absl::string_view bytes, const SnapshotKeys& keys);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FRAME_H_

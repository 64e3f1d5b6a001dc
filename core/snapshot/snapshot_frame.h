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

// The frame around the fields of a snapshot, the same in every version of the format. The head has
// the key id and the length; the tail has a checksum and a MAC. Because the frame never changes, a
// reader can tell that a snapshot is genuine and undamaged before it reads any field, even if it
// does not know the version. SNAPSHOT.md describes the bytes.

// Magic, format version, header length, key id, total length.
constexpr size_t kFrameHeadBytes = 24;
// CRC-32C and MAC.
constexpr size_t kFrameTailBytes = 36;

// A frame that was opened. `content` is everything between head and tail, and points into the bytes
// that were opened. Immutable; safe to share.
struct SnapshotFrame {
  uint16_t format_version = 0;
  uint16_t header_bytes = 0;  // of the fixed fields, including those of the head
  absl::string_view content;
};

// Returns the error for a bad snapshot: DATA_LOSS, reason SNAPSHOT_BAD, with `text`.
absl::Status BadSnapshot(absl::string_view text);

// Makes `bytes` a snapshot: fills in the head and appends the tail. REQUIRES: `bytes` begins with
// kFrameHeadBytes bytes of any value, which become the head; aborts if it is shorter.
void SealSnapshot(uint16_t format_version, uint16_t header_bytes, const SnapshotKey& key,
                  std::string& bytes);

// Opens a snapshot that SealSnapshot made. Interprets nothing except the frame, and allocates
// nothing unless it fails. Errors: DATA_LOSS, reason SNAPSHOT_BAD, if the bytes are not a snapshot,
// are not as long as they say, are damaged, or were not signed with one of the keys. The text tells
// these cases apart.
absl::StatusOr<SnapshotFrame> OpenSnapshot(absl::string_view bytes, const SnapshotKeys& keys);

// Returns whether the bytes are an undamaged snapshot that was signed with a key that is not among
// `keys`. A server that has the key may be able to read it.
bool HasForeignKey(absl::string_view bytes, const SnapshotKeys& keys);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_FRAME_H_

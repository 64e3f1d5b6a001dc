// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/snapshot_frame.h"

#include <bit>
#include <cstdlib>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/snapshot/crc32c.h"

namespace rnnserve {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are read and written as they lie in memory");

// The last byte shows that a file with a snapshot is not text.
constexpr absl::string_view kMagic("RNNSNAP\0", 8);

// The head after the magic.
struct Head {
  uint16_t format_version = 0;
  uint16_t header_bytes = 0;
  uint32_t key_id = 0;
  uint64_t total_bytes = 0;
};
static_assert(sizeof(Head) + kMagic.size() == kFrameHeadBytes);

constexpr size_t kChecksumBytes = sizeof(uint32_t);
static_assert(kChecksumBytes + sizeof(SnapshotKey::Mac) == kFrameTailBytes);

// Returns the error for a MAC that could not be verified. The checksum tells damage apart from a
// snapshot that was signed with another key.
absl::Status Unverified(bool is_whole, bool is_key_known, size_t total_bytes, int num_keys) {
  if (!is_whole) {
    return BadSnapshot(
        absl::StrCat("its ", total_bytes, " bytes are damaged: the checksum differs"));
  }
  if (!is_key_known) {
    return BadSnapshot(absl::StrCat("undamaged, but signed with a key that is not among the ",
                                    num_keys, " of this server"));
  }
  return BadSnapshot(absl::StrCat("the checksum of its ", total_bytes,
                                  " bytes is right, but not the MAC: not signed with the key"));
}

}  // namespace

absl::Status BadSnapshot(absl::string_view text) {
  return MakeError(absl::StatusCode::kDataLoss, "SNAPSHOT_BAD", absl::StrCat("snapshot: ", text));
}

void SealSnapshot(uint16_t format_version, uint16_t header_bytes, const SnapshotKey& key,
                  std::string& bytes) {
  if (bytes.size() < kFrameHeadBytes) std::abort();
  const Head head{format_version, header_bytes, key.id(), bytes.size() + kFrameTailBytes};
  std::memcpy(bytes.data(), kMagic.data(), kMagic.size());
  std::memcpy(bytes.data() + kMagic.size(), &head, sizeof(head));
  const uint32_t checksum = Crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&checksum), sizeof(checksum));
  const SnapshotKey::Mac mac = key.MacOf(bytes);
  bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());
}

absl::StatusOr<SnapshotFrame> OpenSnapshot(absl::string_view bytes, const SnapshotKeys& keys) {
  if (!absl::StartsWith(bytes, kMagic)) {
    return BadSnapshot(absl::StrCat(bytes.size(), " bytes that do not begin as a snapshot does"));
  }
  if (bytes.size() < kFrameHeadBytes + kFrameTailBytes) {
    return BadSnapshot(absl::StrCat(bytes.size(), " bytes; the frame alone takes ",
                                    kFrameHeadBytes + kFrameTailBytes));
  }
  Head head;
  std::memcpy(&head, bytes.data() + kMagic.size(), sizeof(head));
  if (head.total_bytes != bytes.size()) {
    return BadSnapshot(absl::StrCat(bytes.size(), " bytes, but written as ", head.total_bytes));
  }
  const absl::string_view signed_bytes = bytes.substr(0, bytes.size() - sizeof(SnapshotKey::Mac));
  const absl::string_view summed = bytes.substr(0, bytes.size() - kFrameTailBytes);
  uint32_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + summed.size(), sizeof(checksum));
  const bool is_whole = checksum == Crc32c(summed);
  const SnapshotKey* key = keys.Find(head.key_id);
  if (key == nullptr || !key->Verifies(signed_bytes, bytes.substr(signed_bytes.size()))) {
    return Unverified(is_whole, key != nullptr, bytes.size(), keys.num_keys());
  }
  if (!is_whole) return BadSnapshot("the MAC is right, but not the checksum: its writer has a bug");
  return SnapshotFrame{head.format_version, head.header_bytes, summed.substr(kFrameHeadBytes)};
}

bool HasForeignKey(absl::string_view bytes, const SnapshotKeys& keys) {
  if (!absl::StartsWith(bytes, kMagic) || bytes.size() < kFrameHeadBytes + kFrameTailBytes) {
    return false;
  }
  Head head;
  std::memcpy(&head, bytes.data() + kMagic.size(), sizeof(head));
  const absl::string_view summed = bytes.substr(0, bytes.size() - kFrameTailBytes);
  uint32_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + summed.size(), sizeof(checksum));
  return keys.Find(head.key_id) == nullptr && head.total_bytes == bytes.size() &&
         checksum == Crc32c(summed);
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_KEY_H_
#define RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_KEY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// The secret that servers share and the store of snapshots does not have: who lacks it can neither
// make a snapshot nor change one unseen. It keeps nothing secret: states lie readable in the store.
//
// Owns 32 bytes, which are wiped when it ends. Thread-compatible; const methods may be shared.
class SnapshotKey {
 public:
  using Secret = std::array<uint8_t, 32>;
  using Mac = std::array<uint8_t, 32>;

  explicit SnapshotKey(const Secret& secret);
  SnapshotKey(const SnapshotKey&) = default;
  SnapshotKey& operator=(const SnapshotKey&) = default;
  ~SnapshotKey();

  // Reads the content of a key file: 64 hexadecimal digits of either case, and perhaps one line
  // break. Errors: INVALID_ARGUMENT, reason SNAPSHOT_KEY, with the length or the place of what is
  // wrong and nothing of the secret.
  static absl::StatusOr<SnapshotKey> Parse(absl::string_view text);

  // The first four bytes of the SHA-256 of the secret, as a little-endian number. Says which key a
  // snapshot was written with; no help in guessing 256 random bits.
  uint32_t id() const { return id_; }

  // HMAC-SHA256 of the bytes. Aborts if the library has no memory for it.
  Mac MacOf(absl::string_view bytes) const;

  // Whether `mac` is that of the bytes. Takes as long wherever the two differ.
  bool Verifies(absl::string_view bytes, absl::string_view mac) const;

 private:
  Secret secret_;
  uint32_t id_;
};

// The keys that snapshots are accepted with: the one that new snapshots are written with, and
// during a rotation one more. Which it is depends on the moment: first every server learns to read
// the new key, then they write with it and still read the old one, then the old one goes.
//
// Owns both. Thread-compatible; const methods may be shared.
class SnapshotKeys {
 public:
  explicit SnapshotKeys(const SnapshotKey& current,
                        const std::optional<SnapshotKey>& other = std::nullopt)
      : current_(current), other_(other) {}

  const SnapshotKey& current() const { return current_; }
  int num_keys() const { return other_.has_value() ? 2 : 1; }

  // The key of that id, or null. Lives as long as this.
  const SnapshotKey* Find(uint32_t id) const;

 private:
  SnapshotKey current_;
  std::optional<SnapshotKey> other_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_KEY_H_

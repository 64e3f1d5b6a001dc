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

// The secret that servers share and the snapshot store does not have. Nobody without it can make a
// snapshot, or change one unnoticed. It does not encrypt: the store can read the states.
//
// Owns 32 bytes and wipes them when it is destroyed. Thread-compatible.
class SnapshotKey {
 public:
  using Secret = std::array<uint8_t, 32>;
  using Mac = std::array<uint8_t, 32>;

  explicit SnapshotKey(const Secret& secret);
  SnapshotKey(const SnapshotKey&) = default;
  SnapshotKey& operator=(const SnapshotKey&) = default;
  ~SnapshotKey();

  // Reads the content of a key file: 64 hexadecimal digits of either case and an optional line
  // break. Errors: INVALID_ARGUMENT, reason SNAPSHOT_KEY, with the length or the position of the
  // wrong character, and no part of the secret.
  static absl::StatusOr<SnapshotKey> Parse(absl::string_view text);

  // The first four bytes of the SHA-256 of the secret, as a little-endian number. It tells which
  // key a snapshot was signed with. It is of no help in guessing 256 random bits.
  uint32_t id() const { return id_; }

  // Returns the HMAC-SHA256 of the bytes. Aborts if the library has no memory for it.
  Mac MacOf(absl::string_view bytes) const;

  // Returns whether `mac` is the MAC of the bytes, in constant time.
  bool Verifies(absl::string_view bytes, absl::string_view mac) const;

 private:
  Secret secret_;
  uint32_t id_;
};

// The keys that are accepted: the current one, which signs new snapshots, and, during a rotation,
// one other. A rotation has three steps: every server gets the new key as its other key; every
// server signs with the new key and keeps the old one as its other key; the old key is removed.
//
// Owns both keys. Thread-compatible.
class SnapshotKeys {
 public:
  explicit SnapshotKeys(const SnapshotKey& current,
                        const std::optional<SnapshotKey>& other = std::nullopt)
      : current_(current), other_(other) {}

  const SnapshotKey& current() const { return current_; }
  int num_keys() const { return other_.has_value() ? 2 : 1; }

  // Returns the key with this id, or null. It lives as long as this object.
  const SnapshotKey* Find(uint32_t id) const;

 private:
  SnapshotKey current_;
  std::optional<SnapshotKey> other_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_SNAPSHOT_KEY_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/snapshot_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

constexpr size_t kDigits = 2 * sizeof(SnapshotKey::Secret);

// Returns the value of a hexadecimal digit. REQUIRES: absl::ascii_isxdigit(digit).
int ValueOf(char digit) {
  return absl::ascii_isdigit(digit) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10;
}

uint32_t IdOf(const SnapshotKey::Secret& secret) {
  std::array<uint8_t, 32> digest{};
  if (EVP_Digest(secret.data(), secret.size(), digest.data(), nullptr, EVP_sha256(), nullptr) !=
      1) {
    std::abort();
  }
  uint32_t id = 0;
  std::memcpy(&id, digest.data(), sizeof(id));
  return id;
}

absl::Status BadKey(absl::string_view text) {
  return InvalidArgument("SNAPSHOT_KEY", absl::StrCat("snapshot key: ", text));
}

}  // namespace

SnapshotKey::SnapshotKey(const Secret& secret) : secret_(secret), id_(IdOf(secret)) {}

SnapshotKey::~SnapshotKey() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

absl::StatusOr<SnapshotKey> SnapshotKey::Parse(absl::string_view text) {
  if (absl::ConsumeSuffix(&text, "\n")) absl::ConsumeSuffix(&text, "\r");
  if (text.size() != kDigits) {
    return BadKey(absl::StrCat(text.size(), " characters, not ", kDigits, " hexadecimal digits"));
  }
  for (size_t i = 0; i < text.size(); ++i) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) {
      return BadKey(
          absl::StrCat("character ", i + 1, " of ", kDigits, " is not a hexadecimal digit"));
    }
  }
  Secret secret{};
  for (size_t i = 0; i < secret.size(); ++i) {
    secret[i] = static_cast<uint8_t>(16 * ValueOf(text[2 * i]) + ValueOf(text[2 * i + 1]));
  }
  const SnapshotKey key(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return key;
}

SnapshotKey::Mac SnapshotKey::MacOf(absl::string_view bytes) const {
  Mac mac{};
  unsigned int mac_bytes = 0;
  if (HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), mac.data(),
           &mac_bytes) == nullptr ||
      mac_bytes != mac.size()) {
    std::abort();
  }
  return mac;
}

bool SnapshotKey::Verifies(absl::string_view bytes, absl::string_view mac) const {
  const Mac expected = MacOf(bytes);
  return mac.size() == expected.size() &&
         CRYPTO_memcmp(mac.data(), expected.data(), expected.size()) == 0;
}

const SnapshotKey* SnapshotKeys::Find(uint32_t id) const {
  if (current_.id() == id) return &current_;
  return other_.has_value() && other_->id() == id ? &*other_ : nullptr;
}

}  // namespace rnnserve

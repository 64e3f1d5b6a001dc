// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/snapshot/resume_token.h"

#include <bit>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"

namespace rnnserve {
namespace {

static_assert(std::endian::native == std::endian::little,
              "numbers are read and written as they lie in memory");

// The bytes before the id. The id is followed by the MAC of everything before it. The magic differs
// from a snapshot's, so neither can pass for the other, although the same key signs both. Its last
// byte is the version of the format.
struct Head {
  char magic[8] = {'R', 'N', 'N', 'M', 'O', 'V', 'E', 1};
  uint32_t key_id = 0;
  uint32_t id_bytes = 0;
  uint64_t epoch = 0;
  uint64_t version = 0;
  uint64_t durable_version = 0;
};
static_assert(sizeof(Head) == 40);

constexpr size_t kFixedBytes = sizeof(Head) + sizeof(SnapshotKey::Mac);

}  // namespace

absl::Status BadResumeToken(absl::string_view text) {
  return InvalidArgument("RESUME_TOKEN", absl::StrCat("resume token: ", text));
}

std::string EncodeResumeToken(const ResumeToken& token, const SnapshotKey& key) {
  if (token.session_id.size() > ResumeToken::kMaxBytes - kFixedBytes) std::abort();
  Head head;
  head.key_id = key.id();
  head.id_bytes = static_cast<uint32_t>(token.session_id.size());
  head.epoch = token.epoch;
  head.version = token.version;
  head.durable_version = token.durable_version;
  std::string bytes(reinterpret_cast<const char*>(&head), sizeof(head));
  bytes += token.session_id;
  const SnapshotKey::Mac mac = key.MacOf(bytes);
  bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  return bytes;
}

absl::StatusOr<ResumeToken> DecodeResumeToken(absl::string_view bytes, const SnapshotKeys& keys) {
  if (bytes.size() < kFixedBytes || bytes.size() > ResumeToken::kMaxBytes) {
    return BadResumeToken(
        absl::StrCat(bytes.size(), " bytes, but ", kFixedBytes, " to ", ResumeToken::kMaxBytes));
  }
  Head head;
  if (std::memcmp(bytes.data(), head.magic, sizeof(head.magic)) != 0) {
    return BadResumeToken("it does not begin like one");
  }
  std::memcpy(&head, bytes.data(), sizeof(head));
  const SnapshotKey* const key = keys.Find(head.key_id);
  if (key == nullptr) return BadResumeToken("its key is not among those of this server");
  const size_t signed_bytes = bytes.size() - sizeof(SnapshotKey::Mac);
  if (!key->Verifies(bytes.substr(0, signed_bytes), bytes.substr(signed_bytes))) {
    return BadResumeToken("its MAC is wrong");
  }
  const absl::string_view id = bytes.substr(sizeof(head), signed_bytes - sizeof(head));
  if (head.id_bytes != id.size()) {
    return BadResumeToken(absl::StrCat("an id of ", head.id_bytes, " bytes in ", id.size()));
  }
  return ResumeToken{std::string(id), head.epoch, head.version, head.durable_version};
}

}  // namespace rnnserve

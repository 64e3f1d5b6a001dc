// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SNAPSHOT_RESUME_TOKEN_H_
#define RNNSERVE_CORE_SNAPSHOT_RESUME_TOKEN_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/snapshot/snapshot_key.h"

namespace rnnserve {

// Where a session stood when its server told it to go elsewhere. A value.
//
// Its bytes, which are signed with the key of the snapshots, go to the client and from there to the
// next server, which thus knows that one of its own kind has said so. They open nothing by
// themselves: the session is found by its id, and its owner by the store. What they prove is which
// version was there, so that who attaches can compare it with the version that was found.
struct ResumeToken {
  // Of any token: 72 bytes and an id, which has at most 128.
  static constexpr size_t kMaxBytes = 256;

  std::string session_id;
  uint64_t epoch = 0;
  uint64_t version = 0;
  uint64_t durable_version = 0;

  bool operator==(const ResumeToken&) const = default;
};

// At most kMaxBytes. REQUIRES: the id is that of a session; aborts if it is too long.
std::string EncodeResumeToken(const ResumeToken& token, const SnapshotKey& key);

// Reads what EncodeResumeToken made; looks at nothing before the MAC is right. Errors:
// INVALID_ARGUMENT (RESUME_TOKEN), saying whether the length, the beginning, the key or the MAC is
// wrong and nothing of what it holds.
absl::StatusOr<ResumeToken> DecodeResumeToken(absl::string_view bytes, const SnapshotKeys& keys);

// INVALID_ARGUMENT (RESUME_TOKEN): how everybody says what is wrong with one.
absl::Status BadResumeToken(absl::string_view text);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_RESUME_TOKEN_H_

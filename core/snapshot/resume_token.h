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

// Records how far a session had come when its server told the client to move it to another server.
// A value.
//
// The server signs the token with the key that signs snapshots and sends it to the client, which
// shows it to the next server. The token gives no access: the session is found by its id, and the
// store knows its owner. The token proves which version the former server had, so that an Attach
// can compare it with the version found in the store.
struct ResumeToken {
  // The most bytes that a token may have. A token takes 72 bytes plus its id, which has at most
  // 128.
  static constexpr size_t kMaxBytes = 256;

  std::string session_id;
  uint64_t epoch = 0;
  uint64_t version = 0;
  uint64_t durable_version = 0;

  bool operator==(const ResumeToken&) const = default;
};

// Returns the token as at most kMaxBytes bytes, signed with the key. REQUIRES: the id is a valid
// session id; aborts if it is too long.
std::string EncodeResumeToken(const ResumeToken& token, const SnapshotKey& key);

// Reads a token that EncodeResumeToken made. Uses no field except the key id before the MAC is
// verified. Errors: INVALID_ARGUMENT (RESUME_TOKEN), saying whether the length, the magic, the key
// or the MAC is wrong, and nothing about the content.
absl::StatusOr<ResumeToken> DecodeResumeToken(absl::string_view bytes, const SnapshotKeys& keys);

// Returns the error for a bad token: INVALID_ARGUMENT (RESUME_TOKEN) with `text`.
absl::Status BadResumeToken(absl::string_view text);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SNAPSHOT_RESUME_TOKEN_H_

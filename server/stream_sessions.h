// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_STREAM_SESSIONS_H_
#define RNNSERVE_SERVER_STREAM_SESSIONS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/session/end_reason.h"
#include "rnnserve/v1/inference.pb.h"

namespace rnnserve::server {

// The sessions that one stream uses: which of them end with it, and what the client is to be told
// of them. Sees each action and each result of the stream go by.
//
// A session takes some 100 bytes here until it or the stream ends. At most three notices of it
// wait, one of each kind, however slowly the client reads. A step of a session that is known costs
// one look in a hash table and allocates nothing.
//
// Owns its records and the notices. Thread-compatible: the stream's lock guards it. Nothing fails.
class StreamSessions {
 public:
  // The stream begins an action.
  void OnAction(const v1::StreamAction& action);
  // The stream answers it. Returns the sessions that are to be watched from now on, nearly always
  // none.
  std::vector<std::string> OnResult(const v1::StreamAction& action, const v1::StreamResult& result);

  // What a watcher is told, about any session. Whoever the stream does not use, and what it did
  // itself, makes no notice.
  void OnExpiring(absl::string_view id, absl::Duration left);
  void OnEnded(absl::string_view id, EndReason reason);
  // The next call that brings the session back makes it one that is to be watched again.
  void OnDropped(absl::string_view id);
  // The session has to leave with this token, or, if it is empty, is lost with the server.
  void OnMoving(absl::string_view id, const std::string& resume_token);
  // The server drains, whatever sessions there are.
  void OnMoving();

  bool has_notices() const { return !notices_.empty(); }
  // Moves notices into the message until they have reached `max_bytes`.
  void TakeNotices(size_t max_bytes, v1::StreamResponse& message);
  void DropNotices() { notices_.clear(); }

  // Those that are open and watched, as far as is known.
  std::vector<std::string> Watched() const;
  // Those that end with the stream, which forgets them.
  std::vector<std::string> TakeBound();

 private:
  struct Use {
    bool is_bound = false;    // ends with the stream
    bool is_watched = false;  // false for one that has ended
    int num_closing = 0;      // closes by this stream that have no answer yet
  };
  // A session is told of its expiry, its move and its end in this order.
  using NoticeKey = std::pair<std::string, v1::StreamNotice::KindCase>;

  bool IsWatched(absl::string_view id) const;
  v1::StreamNotice& NoticeOf(absl::string_view id, v1::StreamNotice::KindCase kind);

  absl::flat_hash_map<std::string, Use> uses_;
  absl::btree_map<NoticeKey, v1::StreamNotice> notices_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STREAM_SESSIONS_H_

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

// The sessions that one stream uses: which of them end with it, and which notices the client has
// yet to get. The stream reports every action and every result to it.
//
// A session takes about 100 bytes here until it or the stream ends. At most three notices wait for
// each session, one of each kind, however slowly the client reads. A step of a known session costs
// one lookup in a hash table and no allocation.
//
// Owns its records and the notices. Thread-compatible. The lock of the stream guards it. Its
// functions never fail.
class StreamSessions {
 public:
  // Records that the stream begins an action.
  void OnAction(const v1::StreamAction& action);
  // Records the result of an action. Returns the sessions to watch from now on, which are almost
  // always none.
  std::vector<std::string> OnResult(const v1::StreamAction& action, const v1::StreamResult& result);

  // Record the event that a watcher is told, and queue a notice for the client. A session that the
  // stream does not use, and an end that the stream itself caused, produce no notice.
  void OnExpiring(absl::string_view id, absl::Duration left);
  void OnEnded(absl::string_view id, EndReason reason);
  // Records that the session has left memory. The next step that brings it back makes OnResult
  // return it again.
  void OnDropped(absl::string_view id);
  // Queues the notice that tells the client to move the session with this token. An empty token
  // means that the session is lost with the server.
  void OnMoving(absl::string_view id, const std::string& resume_token);
  // Queues the notice that tells the client that the server is draining. It names no session.
  void OnMoving();

  bool has_notices() const { return !notices_.empty(); }
  // Moves notices into the message until they take `max_bytes` or more, or none is left.
  void TakeNotices(size_t max_bytes, v1::StreamResponse& message);
  void DropNotices() { notices_.clear(); }

  // Returns the sessions that are watched and not known to have ended.
  std::vector<std::string> Watched() const;
  // Returns the sessions that end with the stream, and forgets them.
  std::vector<std::string> TakeBound();

 private:
  struct Use {
    bool is_bound = false;    // ends with the stream
    bool is_watched = false;  // false once the session has ended
    int num_closing = 0;      // closes by this stream that have no result yet
  };
  // Sorts by session and then by kind: a session's notices go out in the order expiring, ended,
  // moving.
  using NoticeKey = std::pair<std::string, v1::StreamNotice::KindCase>;

  bool IsWatched(absl::string_view id) const;
  v1::StreamNotice& NoticeOf(absl::string_view id, v1::StreamNotice::KindCase kind);

  absl::flat_hash_map<std::string, Use> uses_;
  absl::btree_map<NoticeKey, v1::StreamNotice> notices_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_STREAM_SESSIONS_H_

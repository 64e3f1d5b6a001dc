// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_NOTICE_H_
#define RNNSERVE_CLIENT_CPP_NOTICE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"

namespace rnnserve::client {

// Something that the server tells the client about a session without having been asked: a
// StreamNotice of the protocol. A value.
struct Notice {
  enum class Kind {
    kExpiring,  // the session will soon have been idle too long; any call keeps it
    kEnded,     // the session has ended, but this stream did not close it
    kMoving,    // its server is draining: send no more steps; attach elsewhere when the stream ends
  };

  Kind kind = Kind::kEnded;
  std::string session_id;  // empty for a kMoving notice about the stream as a whole
  // For kExpiring: the time that was left when the server sent the notice.
  absl::Duration remaining;
  // For kEnded: SESSION_EXPIRED, SESSION_EVICTED, ...
  std::string reason;
  // For kMoving: the token for Client::AttachSession on another server. Empty if the session is
  // lost with this server, because it is bound to its stream or the server has no snapshot store.
  std::string resume_token;
};

// Receives notices on a gRPC thread, one at a time, interleaved with the answers of the stream.
// Must not block, and must not end the stream.
using NoticeCallback = std::function<void(const Notice&)>;

// Returns one line for a person to read: "session a: will expire in 5s".
std::string Describe(const Notice& notice);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_NOTICE_H_

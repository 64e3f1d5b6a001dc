// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_NOTICE_H_
#define RNNSERVE_CLIENT_CPP_NOTICE_H_

#include <functional>
#include <string>

#include "absl/time/time.h"

namespace rnnserve::client {

// What a stream tells of one of its sessions without having been asked: StreamNotice of the
// protocol. A value.
struct Notice {
  enum class Kind {
    kExpiring,  // nobody has called it for long; any call keeps it
    kEnded,     // it has ended, and not by a close of this stream
    kMoving,    // its server drains: send no more steps, attach elsewhere when the stream has ended
  };

  Kind kind = Kind::kEnded;
  std::string session_id;  // of kMoving empty, where it tells of the stream alone
  // Of kExpiring: what was left when it was told.
  absl::Duration remaining;
  // Of kEnded: SESSION_EXPIRED, SESSION_EVICTED, ...
  std::string reason;
  // Of kMoving: for Client::AttachSession at another server. Empty if the session is lost with this
  // one: it is bound to its stream, or the server has no store.
  std::string resume_token;
};

// Hears of notices from a thread of gRPC, one after another, also between the answers of the
// stream. Must not block, and must not end the stream.
using NoticeCallback = std::function<void(const Notice&)>;

// One line for people: "session a: will expire in 5s".
std::string Describe(const Notice& notice);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_NOTICE_H_

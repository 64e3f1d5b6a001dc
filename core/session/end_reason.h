// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_END_REASON_H_
#define RNNSERVE_CORE_SESSION_END_REASON_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// Why a session ended. A closed set: it is a metric label and an error reason.
enum class EndReason {
  kClosed,        // the client closed it
  kStreamEnded,   // the stream it was bound to ended
  kExpired,       // nobody called it for its idle timeout
  kEvicted,       // whoever runs the server ended it
  kMoved,         // another server has taken it over
  kBroken,        // an invariant broke while it was stepped
  kModelRetired,  // its model was replaced, and the time that its sessions had is over
};

// For example "SESSION_EXPIRED".
absl::string_view EndReasonName(EndReason reason);

// What a call gets of a session that ended so: NOT_FOUND with that name as its reason.
absl::Status EndedError(EndReason reason);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_END_REASON_H_

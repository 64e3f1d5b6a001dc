// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_END_REASON_H_
#define RNNSERVE_CORE_SESSION_END_REASON_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rnnserve {

// The reason why a session ended. A closed set, used as a metric label and as an error reason.
enum class EndReason {
  kClosed,        // the client closed it
  kStreamEnded,   // the stream that it was bound to ended
  kExpired,       // it was idle for its idle timeout
  kEvicted,       // an operator of the server ended it
  kMoved,         // another server has taken it over
  kBroken,        // an internal error occurred during a step
  kModelRetired,  // its model was replaced, and the grace period of its sessions is over
};

// Returns the error reason, for example "SESSION_EXPIRED".
absl::string_view EndReasonName(EndReason reason);

// Returns the error of a call on a session that ended for this reason: NOT_FOUND with that name.
absl::Status EndedError(EndReason reason);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_END_REASON_H_

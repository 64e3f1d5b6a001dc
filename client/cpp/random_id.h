// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_RANDOM_ID_H_
#define RNNSERVE_CLIENT_CPP_RANDOM_ID_H_

#include <string>

#include "absl/status/statusor.h"

namespace rnnserve::client {

// Returns a session id that is unique and cannot be guessed: 32 random hexadecimal digits from the
// operating system. INTERNAL if the operating system provides none.
absl::StatusOr<std::string> RandomSessionId();

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_RANDOM_ID_H_

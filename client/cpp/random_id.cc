// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/random_id.h"

#include <sys/random.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace rnnserve::client {

absl::StatusOr<std::string> RandomSessionId() {
  std::array<char, 16> bytes;
  if (getentropy(bytes.data(), bytes.size()) != 0) {
    return absl::InternalError("the operating system gives no random bytes");
  }
  return absl::BytesToHexString(absl::string_view(bytes.data(), bytes.size()));
}

}  // namespace rnnserve::client

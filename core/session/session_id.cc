// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_id.h"

#include <sys/random.h>

#include <cstdlib>

#include "absl/strings/escaping.h"

namespace rnnserve {

std::string RandomSessionId() {
  char bytes[16];
  // getrandom(2) promises to return up to 256 bytes whole and uninterrupted.
  if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) std::abort();
  return absl::BytesToHexString({bytes, sizeof(bytes)});
}

uint64_t RandomNonce() {
  uint64_t nonce = 0;
  if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce)) std::abort();
  return nonce;
}

}  // namespace rnnserve

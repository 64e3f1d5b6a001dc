// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_ID_H_
#define RNNSERVE_CORE_SESSION_SESSION_ID_H_

#include <cstdint>
#include <string>

namespace rnnserve {

// A new session id: 128 bits from the kernel's random number generator as 32 hexadecimal digits.
// Who knows the id may advance the session, so it must not be guessable. Aborts if the kernel has
// no randomness to give. Thread-safe.
std::string RandomSessionId();

// 64 bits from the same source: tells two owners of a session apart. Aborts and thread safety as
// above.
uint64_t RandomNonce();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_ID_H_

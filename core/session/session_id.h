// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_SESSION_ID_H_
#define RNNSERVE_CORE_SESSION_SESSION_ID_H_

#include <cstdint>
#include <string>

namespace rnnserve {

// Returns a new session id: 128 bits from the kernel's random number generator, as 32 hexadecimal
// digits. The id must not be guessable, because whoever knows it may advance the session. Aborts if
// the kernel gives no random numbers. Thread-safe.
std::string RandomSessionId();

// Returns 64 bits from the same source, which tell two owners of a session apart. Aborts if the
// kernel gives no random numbers. Thread-safe.
uint64_t RandomNonce();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_SESSION_ID_H_

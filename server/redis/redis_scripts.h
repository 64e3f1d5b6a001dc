// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_REDIS_REDIS_SCRIPTS_H_
#define RNNSERVE_SERVER_REDIS_REDIS_SCRIPTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rnnserve::server {

// The changes of a snapshot in Redis. Redis runs a script as a whole, so each is a compare-and-set.
//
// A session is one hash, of the fields e (epoch), n (nonce), v (version) and b (bytes). Numbers
// travel and lie there as 20 decimal digits, padded with zeros: Lua's numbers are doubles, which
// end being exact at 2^53, and strings of digits of one length compare as their numbers do. The
// epoch is raised digit by digit for the same reason.
enum class RedisScript {
  // key; epoch, nonce, version, bytes, milliseconds to live, "1" for a first snapshot -> a verdict
  kWrite,
  // key; nonce, milliseconds to live -> {"OK", epoch, nonce, version, bytes}, {"NONE"}, {"LAST"}
  kClaim,
  // key; epoch, nonce, version -> a verdict
  kRemove,
  // key; another key, bytes, milliseconds to live -> {"OK"}, {"NONE"}, {"CHANGED"}
  kQuarantine,
};

// A verdict is {"OK"}, {"FENCED", stored epoch} or {"STALE", stored version}. All of them answer
// {"BAD"} if the hash lacks a field or holds no such numbers, and change nothing then.

inline constexpr size_t kNumRedisScripts = 4;

// The script in Lua.
absl::string_view RedisScriptText(RedisScript script);

// A number as the scripts take it: 20 digits.
std::string ToRedisNumber(uint64_t number);
// Nothing unless it is 20 digits of a number below 2^64.
std::optional<uint64_t> FromRedisNumber(absl::string_view digits);

// Milliseconds to live as the scripts take them, rounded up; "0", for ever, above a hundred years.
std::string ToRedisLifetime(absl::Duration time_to_live);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_SCRIPTS_H_

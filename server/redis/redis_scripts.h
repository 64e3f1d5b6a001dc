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

// The scripts that change a snapshot in Redis. Redis runs a script atomically, so each is a
// compare-and-set.
//
// A session is one hash with the fields e (epoch), n (nonce), v (version) and b (bytes). Numbers
// are sent and stored as 20 decimal digits, padded with zeros, for two reasons: Lua's numbers are
// doubles, which are exact only up to 2^53, and digit strings of equal length sort in the order of
// their numbers. For the same reason a script increments the epoch digit by digit.
//
// Each enumerator lists the key and the arguments of its script, then its answers. A verdict is
// {"OK"}, {"FENCED", stored epoch} or {"STALE", stored version}. Every script answers {"BAD"}, and
// changes nothing, if the hash lacks a field or its numbers are malformed.
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

inline constexpr size_t kNumRedisScripts = 4;

// Returns the Lua source of a script.
absl::string_view RedisScriptText(RedisScript script);

// Converts a number to the 20 digits that the scripts take.
std::string ToRedisNumber(uint64_t number);
// Converts 20 digits back to a number. Returns nothing for any other text, or if the number does
// not fit into 64 bits.
std::optional<uint64_t> FromRedisNumber(absl::string_view digits);

// Converts a time to live to the milliseconds that the scripts take, rounded up, at least 1. Above
// a hundred years the result is "0", which means that the key never expires.
std::string ToRedisLifetime(absl::Duration time_to_live);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_REDIS_REDIS_SCRIPTS_H_

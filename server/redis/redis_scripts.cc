// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_scripts.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rnnserve::server {
namespace {

constexpr size_t kNumberSize = 20;
constexpr absl::Duration kLifetimeMax = absl::Hours(24 * 365 * 100);

// stored(): nil if nothing is stored, false if it is not a snapshot, else a table with e, n and v.
// live(ms): sets the time to live of the key; "0" means that it never expires.
constexpr char kStored[] = R"(
local function stored()
  local f = redis.call('HMGET', KEYS[1], 'e', 'n', 'v')
  local num_missing = 0
  for i = 1, 3 do
    if not f[i] then
      num_missing = num_missing + 1
    elseif #f[i] ~= 20 or string.find(f[i], '%D') then
      return false
    end
  end
  local has_bytes = redis.call('HEXISTS', KEYS[1], 'b') == 1
  if num_missing == 3 and not has_bytes then return nil end
  if num_missing > 0 or not has_bytes then return false end
  return {e = f[1], n = f[2], v = f[3]}
end
local function live(milliseconds)
  if milliseconds == '0' then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIRE', KEYS[1], milliseconds)
  end
end
)";

// judge(s): the rule of JudgeFence. nil means that the change is accepted.
constexpr char kJudge[] = R"(
local function judge(s)
  if s == false then return {'BAD'} end
  if s == nil or s.e < ARGV[1] then return nil end
  if s.e > ARGV[1] or s.n ~= ARGV[2] then return {'FENCED', s.e} end
  if s.v > ARGV[3] then return {'STALE', s.v} end
  return nil
end
)";

// Applies the rule of JudgeFirst, then the rule of JudgeFence.
constexpr char kWrite[] = R"(
local s = stored()
local is_own = s and s.e == ARGV[1] and s.n == ARGV[2] and s.v == ARGV[3]
if ARGV[6] == '1' and s and not is_own and s.e > string.rep('0', 20) then
  return {'FENCED', s.e}
end
local refused = judge(s)
if refused then return refused end
if s == nil or s.e ~= ARGV[1] or s.v ~= ARGV[3] then
  redis.call('HSET', KEYS[1], 'e', ARGV[1], 'n', ARGV[2], 'v', ARGV[3], 'b', ARGV[4])
end
live(ARGV[5])
return {'OK'}
)";

constexpr char kClaim[] = R"(
local function next_epoch(digits)
  for i = #digits, 1, -1 do
    local d = string.byte(digits, i)
    if d < 57 then
      return string.sub(digits, 1, i - 1) .. string.char(d + 1) .. string.rep('0', #digits - i)
    end
  end
end
local s = stored()
if s == false then return {'BAD'} end
if s == nil then return {'NONE'} end
if s.e >= '18446744073709551615' then return {'LAST'} end
local e = next_epoch(s.e)
redis.call('HSET', KEYS[1], 'e', e, 'n', ARGV[1])
live(ARGV[2])
return {'OK', e, ARGV[1], s.v, redis.call('HGET', KEYS[1], 'b')}
)";

constexpr char kRemove[] = R"(
local refused = judge(stored())
if refused then return refused end
redis.call('DEL', KEYS[1])
return {'OK'}
)";

// The other key is an argument and not KEYS[2]: only a cluster would have to know that it is a key.
constexpr char kQuarantine[] = R"(
local s = stored()
if s == false then return {'BAD'} end
if s == nil then return {'NONE'} end
if redis.call('HGET', KEYS[1], 'b') ~= ARGV[2] then return {'CHANGED'} end
redis.call('RENAME', KEYS[1], ARGV[1])
redis.call('PEXPIRE', ARGV[1], ARGV[3])
return {'OK'}
)";

}  // namespace

absl::string_view RedisScriptText(RedisScript script) {
  static const auto* const texts = new std::string[kNumRedisScripts]{
      absl::StrCat(kStored, kJudge, kWrite),
      absl::StrCat(kStored, kClaim),
      absl::StrCat(kStored, kJudge, kRemove),
      absl::StrCat(kStored, kQuarantine),
  };
  return texts[static_cast<size_t>(script)];
}

std::string ToRedisNumber(uint64_t number) { return absl::StrFormat("%020u", number); }

std::optional<uint64_t> FromRedisNumber(absl::string_view digits) {
  uint64_t number = 0;
  if (digits.size() != kNumberSize ||
      !std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(digits, &number)) {
    return std::nullopt;
  }
  return number;
}

std::string ToRedisLifetime(absl::Duration time_to_live) {
  if (time_to_live > kLifetimeMax) return "0";
  const absl::Duration rounded = absl::Ceil(time_to_live, absl::Milliseconds(1));
  return absl::StrCat(std::max<int64_t>(1, absl::ToInt64Milliseconds(rounded)));
}

}  // namespace rnnserve::server

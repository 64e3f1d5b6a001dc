// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/redis/redis_snapshot_store.h"

#include <array>
#include <cassert>
#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {
namespace {

using Elements = absl::Span<redisReply* const>;

Elements ElementsOf(const redisReply& reply) {
  return reply.type == REDIS_REPLY_ARRAY ? Elements(reply.element, reply.elements) : Elements();
}

absl::Status SnapshotBad() {
  return MakeError(absl::StatusCode::kDataLoss, "SNAPSHOT_BAD",
                   "the value under the session's key is not a snapshot");
}

absl::Status SnapshotUnknown() {
  return NotFound("SNAPSHOT_UNKNOWN", "no snapshot of the session is stored");
}

// Returns the first element of a script's answer.
absl::string_view VerdictOf(const redisReply& reply) {
  const Elements elements = ElementsOf(reply);
  return elements.empty() ? "" : RedisText(*elements[0]);
}

// Converts a verdict of a script into a status.
absl::Status ReadVerdict(const redisReply& reply, const SnapshotFence& writer) {
  const Elements elements = ElementsOf(reply);
  const absl::string_view verdict = VerdictOf(reply);
  if (verdict == "OK") return absl::OkStatus();
  if (elements.size() == 2) {
    const uint64_t stored = FromRedisNumber(RedisText(*elements[1])).value_or(0);
    if (verdict == "FENCED") return FencedError(stored, writer.epoch);
    if (verdict == "STALE") return StaleVersionError(stored, writer.version);
  }
  return SnapshotBad();
}

// Reads the fields e, n, v and b.
absl::StatusOr<StoredSnapshot> ReadFields(Elements fields) {
  if (fields.size() != 4) return SnapshotBad();
  std::array<uint64_t, 3> numbers;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::optional<uint64_t> number = FromRedisNumber(RedisText(*fields[i]));
    if (!number.has_value()) return SnapshotBad();
    numbers[i] = *number;
  }
  if (fields[3]->type != REDIS_REPLY_STRING) return SnapshotBad();
  return StoredSnapshot{SnapshotFence{numbers[0], numbers[1], numbers[2]},
                        std::string(RedisText(*fields[3]))};
}

absl::StatusOr<StoredSnapshot> ReadClaim(const redisReply& reply) {
  const Elements elements = ElementsOf(reply);
  const absl::string_view verdict = VerdictOf(reply);
  if (verdict == "NONE") return SnapshotUnknown();
  if (verdict == "LAST") {
    return MakeError(absl::StatusCode::kOutOfRange, "EPOCH_LIMIT",
                     "the session has had 18446744073709551615 owners and cannot have more");
  }
  if (verdict != "OK") return SnapshotBad();
  return ReadFields(elements.subspan(1));
}

absl::Status ReadQuarantine(const redisReply& reply) {
  const absl::string_view verdict = VerdictOf(reply);
  if (verdict == "OK") return absl::OkStatus();
  if (verdict == "NONE") return SnapshotUnknown();
  return verdict == "CHANGED" ? SnapshotChangedError() : SnapshotBad();
}

absl::StatusOr<StoredSnapshot> ReadHash(const redisReply& reply) {
  const Elements fields = ElementsOf(reply);
  size_t num_missing = 0;
  for (const redisReply* field : fields) num_missing += field->type == REDIS_REPLY_NIL ? 1 : 0;
  if (!fields.empty() && num_missing == fields.size()) return SnapshotUnknown();
  return ReadFields(fields);
}

RedisClient::ReplyCallback AnswerRead(
    SnapshotStore::ReadCallback callback,
    absl::StatusOr<StoredSnapshot> (*read)(const redisReply& reply)) {
  return [callback = std::move(callback), read](absl::StatusOr<RedisReply> reply) mutable {
    callback(reply.ok() ? read(**reply) : reply.status());
  };
}

RedisClient::ReplyCallback AnswerWrite(SnapshotStore::WriteCallback callback,
                                       const SnapshotFence& writer) {
  return [callback = std::move(callback), writer](absl::StatusOr<RedisReply> reply) mutable {
    callback(reply.ok() ? ReadVerdict(**reply, writer) : reply.status());
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<RedisSnapshotStore>> RedisSnapshotStore::Create(const Clock& clock,
                                                                               Options options) {
  const absl::Duration start_timeout = options.start_timeout;
  std::unique_ptr<RedisSnapshotStore> store(new RedisSnapshotStore(clock, std::move(options)));
  RNNSERVE_RETURN_IF_ERROR(store->client_.AwaitGreeting(start_timeout));
  return store;
}

RedisSnapshotStore::RedisSnapshotStore(const Clock& clock, Options options)
    : key_prefix_(std::move(options.key_prefix)), client_(clock, std::move(options.client)) {}

void RedisSnapshotStore::Write(SnapshotWrite write, WriteCallback callback) {
  assert(write.time_to_live > absl::ZeroDuration());
  const SnapshotFence& fence = write.fence;
  RedisClient::Command command;
  command.script = RedisScript::kWrite;
  command.words = {absl::StrCat(key_prefix_, write.session_id), ToRedisNumber(fence.epoch),
                   ToRedisNumber(fence.nonce), ToRedisNumber(fence.version)};
  command.words.push_back(std::move(write.bytes));
  command.words.push_back(ToRedisLifetime(write.time_to_live));
  command.words.emplace_back(write.is_first ? "1" : "0");
  command.callback = AnswerWrite(std::move(callback), fence);
  client_.Call(std::move(command));
}

void RedisSnapshotStore::Claim(std::string session_id, uint64_t nonce, absl::Duration time_to_live,
                               ReadCallback callback) {
  assert(time_to_live > absl::ZeroDuration());
  RedisClient::Command command;
  command.script = RedisScript::kClaim;
  command.words = {absl::StrCat(key_prefix_, session_id), ToRedisNumber(nonce),
                   ToRedisLifetime(time_to_live)};
  command.callback = AnswerRead(std::move(callback), ReadClaim);
  client_.Call(std::move(command));
}

void RedisSnapshotStore::Read(std::string session_id, ReadCallback callback) {
  RedisClient::Command command;
  command.words = {"HMGET", absl::StrCat(key_prefix_, session_id), "e", "n", "v", "b"};
  command.callback = AnswerRead(std::move(callback), ReadHash);
  client_.Call(std::move(command));
}

void RedisSnapshotStore::Remove(std::string session_id, SnapshotFence fence,
                                WriteCallback callback) {
  RedisClient::Command command;
  command.script = RedisScript::kRemove;
  command.words = {absl::StrCat(key_prefix_, session_id), ToRedisNumber(fence.epoch),
                   ToRedisNumber(fence.nonce), ToRedisNumber(fence.version)};
  command.callback = AnswerWrite(std::move(callback), fence);
  client_.Call(std::move(command));
}

void RedisSnapshotStore::Quarantine(std::string session_id, std::string bytes,
                                    absl::Duration time_to_live, WriteCallback callback) {
  assert(time_to_live > absl::ZeroDuration());
  RedisClient::Command command;
  command.script = RedisScript::kQuarantine;
  command.words = {absl::StrCat(key_prefix_, session_id),
                   absl::StrCat(key_prefix_, "quarantine/", session_id)};
  command.words.push_back(std::move(bytes));
  command.words.push_back(ToRedisLifetime(time_to_live));
  command.callback = [callback =
                          std::move(callback)](const absl::StatusOr<RedisReply>& reply) mutable {
    callback(reply.ok() ? ReadQuarantine(**reply) : reply.status());
  };
  client_.Call(std::move(command));
}

}  // namespace rnnserve::server

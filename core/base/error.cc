// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/base/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace rnnserve {
namespace {

constexpr char kReasonUrl[] = "rnnserve/reason";
constexpr char kRetryDelayUrl[] = "rnnserve/retry_delay";
constexpr char kNumberUrlPrefix[] = "rnnserve/number/";

std::string Payload(const absl::Status& status, absl::string_view url) {
  const auto payload = status.GetPayload(url);
  return payload.has_value() ? std::string(*payload) : std::string();
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kReasonUrl, absl::Cord(reason));
  return status;
}

absl::Status InvalidArgument(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status NotFound(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kNotFound, reason, message);
}

absl::Status FailedPrecondition(absl::string_view reason, absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, reason, message);
}

absl::Status ResourceExhausted(absl::string_view reason, absl::string_view message,
                               absl::Duration retry_delay) {
  absl::Status status = MakeError(absl::StatusCode::kResourceExhausted, reason, message);
  status.SetPayload(kRetryDelayUrl, absl::Cord(absl::FormatDuration(retry_delay)));
  return status;
}

absl::Status WithNumber(absl::Status status, absl::string_view name, uint64_t number) {
  status.SetPayload(absl::StrCat(kNumberUrlPrefix, name), absl::Cord(absl::StrCat(number)));
  return status;
}

std::string ErrorReason(const absl::Status& status) { return Payload(status, kReasonUrl); }

absl::Duration RetryDelay(const absl::Status& status) {
  absl::Duration delay;
  return absl::ParseDuration(Payload(status, kRetryDelayUrl), &delay) ? delay
                                                                      : absl::ZeroDuration();
}

std::vector<std::pair<std::string, uint64_t>> ErrorNumbers(const absl::Status& status) {
  std::vector<std::pair<std::string, uint64_t>> numbers;
  status.ForEachPayload([&numbers](absl::string_view url, const absl::Cord& payload) {
    uint64_t number = 0;
    if (!absl::ConsumePrefix(&url, kNumberUrlPrefix)) return;
    if (absl::SimpleAtoi(std::string(payload), &number)) numbers.emplace_back(url, number);
  });
  return numbers;
}

std::optional<uint64_t> ErrorNumber(const absl::Status& status, absl::string_view name) {
  uint64_t number = 0;
  const std::string text = Payload(status, absl::StrCat(kNumberUrlPrefix, name));
  if (!absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

absl::Status Annotate(const absl::Status& status, absl::string_view prefix) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(prefix, ": ", status.message()));
  status.ForEachPayload([&annotated](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "google/rpc/error_details.pb.h"

namespace rnnserve::client {
namespace {

constexpr char kDomain[] = "rnnserve";

template <typename Message>
std::string TypeUrl() {
  return "type.googleapis.com/" + Message::descriptor()->full_name();
}

// Returns the detail of type Message, if `status` carries one that can be parsed.
template <typename Message>
std::optional<Message> Detail(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl<Message>());
  Message message;
  if (!payload.has_value() || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

}  // namespace

std::string ErrorReason(const absl::Status& status) {
  const auto info = Detail<google::rpc::ErrorInfo>(status);
  return info.has_value() && info->domain() == kDomain ? info->reason() : "";
}

std::optional<uint64_t> ErrorNumber(const absl::Status& status, const std::string& name) {
  const auto info = Detail<google::rpc::ErrorInfo>(status);
  if (!info.has_value() || info->domain() != kDomain) return std::nullopt;
  const auto it = info->metadata().find(name);
  uint64_t number = 0;
  if (it == info->metadata().end() || !absl::SimpleAtoi(it->second, &number)) return std::nullopt;
  return number;
}

std::optional<absl::Duration> RetryDelay(const absl::Status& status) {
  const auto info = Detail<google::rpc::RetryInfo>(status);
  if (!info.has_value()) return std::nullopt;
  return absl::Seconds(info->retry_delay().seconds()) +
         absl::Nanoseconds(info->retry_delay().nanos());
}

absl::Status WithText(const absl::Status& status, absl::string_view text) {
  absl::Status changed(status.code(), text);
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    changed.SetPayload(type_url, payload);
  });
  return changed;
}

}  // namespace rnnserve::client

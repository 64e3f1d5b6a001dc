// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/action_channel.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"

namespace rnnserve::client {
namespace {

// Outlives the wait, because the result may arrive after the timeout.
struct Reply {
  absl::Notification arrived;
  absl::StatusOr<v1::StreamResult> result;
};

}  // namespace

absl::StatusOr<v1::StreamResult> SendAndWait(ActionChannel& channel, v1::StreamAction action,
                                             absl::Duration timeout) {
  auto reply = std::make_shared<Reply>();
  channel.Send(std::move(action), timeout, [reply](absl::StatusOr<v1::StreamResult> result) {
    reply->result = std::move(result);
    reply->arrived.Notify();
  });
  if (!reply->arrived.WaitForNotificationWithTimeout(timeout)) {
    return absl::DeadlineExceededError(
        absl::StrCat("no answer within ", absl::FormatDuration(timeout)));
  }
  return std::move(reply->result);
}

}  // namespace rnnserve::client

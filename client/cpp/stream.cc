// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/stream.h"

#include <utility>

#include "client/cpp/stream_call.h"
#include "client/cpp/wire.h"

namespace rnnserve::client {
namespace {

v1::StreamAction OpenAction(const std::string& model, const SessionOptions& options) {
  v1::StreamAction action;
  ToMessage(model, options, action.mutable_open());
  return action;
}

}  // namespace

Stream::Stream(std::shared_ptr<StreamCall> call) : call_(std::move(call)) {}

Stream::~Stream() {
  call_->Cancel();
  call_->AwaitEnd(absl::InfiniteDuration()).IgnoreError();
  call_->DropChannel();
}

absl::StatusOr<Session> Stream::OpenSession(const std::string& model, const SessionOptions& options,
                                            const CallOptions& call_options) {
  auto result = SendAndWait(*call_, OpenAction(model, options), call_options.timeout);
  if (!result.ok()) return result.status();
  return Session(call_, result->open().session_id(), result->open().epoch());
}

void Stream::OpenSessionAsync(const std::string& model, const SessionOptions& options,
                              SessionCallback callback) {
  auto open = [call = call_, callback = std::move(callback)](
                  const absl::StatusOr<v1::StreamResult>& result) mutable {
    if (!result.ok()) return callback(result.status());
    callback(Session(std::move(call), result->open().session_id(), result->open().epoch()));
  };
  call_->Send(OpenAction(model, options), kDefaultTimeout, std::move(open));
}

absl::StatusOr<StepSessionsResult> Stream::StepSessions(const StepSessionsRequest& request,
                                                        const CallOptions& options) {
  return StepSessionsOn(*call_, request, options);
}

void Stream::StepSessionsAsync(const StepSessionsRequest& request, const CallOptions& options,
                               StepSessionsCallback callback) {
  SendStepSessions(*call_, request, options, std::move(callback));
}

absl::Status Stream::Finish(const CallOptions& options) {
  call_->HalfClose();
  absl::Status status = call_->AwaitEnd(options.timeout);
  if (absl::IsDeadlineExceeded(status)) call_->Cancel();
  return status;
}

}  // namespace rnnserve::client

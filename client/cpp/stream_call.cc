// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/stream_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/status_conversion.h"
#include "client/cpp/stream.h"

namespace rnnserve::client {
namespace {

// The server refuses messages with more actions.
constexpr int kMaxActionsPerMessage = 4096;

// A quarter of the server's default message limit. A larger action is sent alone, and the server
// decides.
constexpr size_t kMaxMessageBytes = size_t{1} << 20;

}  // namespace

StreamCall::StreamCall(std::shared_ptr<v1::InferenceService::StubInterface> stub,
                       const StreamOptions& options)
    : stub_(std::move(stub)),
      max_pending_actions_(options.max_pending_actions),
      on_notice_(options.on_notice) {}

std::shared_ptr<StreamCall> StreamCall::Start(
    std::shared_ptr<v1::InferenceService::StubInterface> stub, const StreamOptions& options) {
  std::shared_ptr<StreamCall> call(new StreamCall(std::move(stub), options));
  call->self_ = call;
  call->stub_->async()->Stream(call->context_.get(), call.get());
  call->AddHold();
  call->StartRead(&call->response_);
  call->StartCall();
  return call;
}

absl::Status StreamCall::CheckAcceptsLocked() const {
  if (is_done_ && !status_.ok()) return status_;
  if (is_finishing_ || is_read_ended_) return absl::UnavailableError("the stream has ended");
  if (pending_.size() >= max_pending_actions_) {
    return absl::ResourceExhaustedError(absl::StrCat(
        pending_.size(), " actions wait for an answer; the most is ", max_pending_actions_));
  }
  return absl::OkStatus();
}

void StreamCall::Send(v1::StreamAction action, absl::Duration /*timeout*/,
                      ActionCallback callback) {
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    status = CheckAcceptsLocked();
    if (status.ok()) {
      action.set_tag(next_tag_++);
      pending_.emplace(action.tag(), std::move(callback));
      queue_.push_back(std::move(action));
      WriteLocked();
      return;
    }
  }
  callback(std::move(status));
}

void StreamCall::HalfClose() {
  absl::MutexLock lock(&mu_);
  is_finishing_ = true;
  WriteLocked();
}

void StreamCall::Cancel() { context_->TryCancel(); }

absl::Status StreamCall::AwaitEnd(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  if (!mu_.AwaitWithTimeout(absl::Condition(&is_done_), timeout)) {
    return absl::DeadlineExceededError(absl::StrCat("the stream still runs after ",
                                                    absl::FormatDuration(timeout), " with ",
                                                    pending_.size(), " actions unanswered"));
  }
  return status_;
}

void StreamCall::DropChannel() {
  context_.reset();
  stub_.reset();
}

void StreamCall::WriteLocked() {
  // While results are being answered, their callbacks send more actions; one write after the last
  // callback carries them all.
  if (is_writing_ || is_answering_ || is_half_closed_ || is_read_ended_) return;
  if (!queue_.empty()) {
    FillRequestLocked();
    is_writing_ = true;
    StartWrite(&request_);
  } else if (is_finishing_) {
    is_half_closed_ = true;
    StartWritesDone();
  }
}

void StreamCall::FillRequestLocked() {
  request_.Clear();
  size_t message_bytes = 0;
  while (!queue_.empty() && request_.actions_size() < kMaxActionsPerMessage) {
    const size_t action_bytes = queue_.front().ByteSizeLong();
    if (request_.actions_size() > 0 && message_bytes + action_bytes > kMaxMessageBytes) return;
    message_bytes += action_bytes;
    *request_.add_actions() = std::move(queue_.front());
    queue_.pop_front();
  }
}

void StreamCall::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mu_);
  is_writing_ = false;
  if (ok) WriteLocked();  // Otherwise the read side ends too, and OnDone reports why.
}

void StreamCall::OnReadDone(bool ok) {
  if (!ok) {
    {
      absl::MutexLock lock(&mu_);
      is_read_ended_ = true;
    }
    RemoveHold();
    return;
  }
  {
    absl::MutexLock lock(&mu_);
    is_answering_ = true;
  }
  for (v1::StreamResult& result : *response_.mutable_results()) Answer(std::move(result));
  for (const v1::StreamNotice& notice : response_.notices()) Tell(notice);
  {
    absl::MutexLock lock(&mu_);
    is_answering_ = false;
    WriteLocked();
  }
  StartRead(&response_);
}

void StreamCall::Answer(v1::StreamResult result) {
  ActionCallback callback;
  {
    absl::MutexLock lock(&mu_);
    const auto it = pending_.find(result.tag());
    if (it == pending_.end()) return;  // The server broke the protocol; no action has this tag.
    callback = std::move(it->second);
    pending_.erase(it);
  }
  if (result.has_error()) {
    callback(FromMessage(result.error()));
  } else {
    callback(std::move(result));
  }
}

void StreamCall::Tell(const v1::StreamNotice& message) const {
  if (on_notice_ == nullptr) return;
  Notice notice;
  notice.session_id = message.session_id();
  switch (message.kind_case()) {
    case v1::StreamNotice::kExpiring:
      notice.kind = Notice::Kind::kExpiring;
      notice.remaining = absl::Milliseconds(message.expiring().remaining_ms());
      break;
    case v1::StreamNotice::kEnded:
      notice.kind = Notice::Kind::kEnded;
      notice.reason = message.ended().reason();
      break;
    case v1::StreamNotice::kMoving:
      notice.kind = Notice::Kind::kMoving;
      notice.resume_token = message.moving().resume_token();
      break;
    case v1::StreamNotice::KIND_NOT_SET:
      return;  // a kind that only newer servers know
  }
  on_notice_(notice);
}

void StreamCall::OnDone(const grpc::Status& status) {
  const std::shared_ptr<StreamCall> self = std::move(self_);
  const absl::Status end = FromGrpc(status);
  absl::flat_hash_map<uint64_t, ActionCallback> unanswered;
  {
    absl::MutexLock lock(&mu_);
    is_read_ended_ = true;
    unanswered.swap(pending_);
    queue_.clear();
  }
  for (auto& [tag, callback] : unanswered) {
    callback(end.ok() ? absl::UnavailableError("the stream ended without an answer") : end);
  }
  unanswered.clear();
  absl::MutexLock lock(&mu_);
  status_ = end;
  is_done_ = true;
}

}  // namespace rnnserve::client

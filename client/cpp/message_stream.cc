// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/message_stream.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/status_conversion.h"
#include "grpcpp/channel.h"
#include "rnnserve/v1/inference.grpc.pb.h"

namespace rnnserve::client {

// The reactor that gRPC calls. It keeps one hold from the start until the read side has ended, and
// takes one more around each operation that begins outside a reaction; so no operation begins on a
// call that is done.
class MessageStream::Call final
    : public grpc::ClientBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  Call(const std::shared_ptr<grpc::Channel>& channel, Listener& listener)
      : stub_(v1::InferenceService::NewStub(channel)), listener_(listener) {
    stub_->async()->Stream(&context_, this);
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  ~Call() override {
    context_.TryCancel();
    AwaitEnd(absl::InfiniteDuration()).IgnoreError();
  }

  void Write(const v1::StreamRequest& message) {
    if (!TakeHold()) return;
    StartWrite(&message);
    RemoveHold();
  }

  void HalfClose() {
    if (!TakeHold()) return;
    StartWritesDone();
    RemoveHold();
  }

  void Cancel() { context_.TryCancel(); }

  absl::Status AwaitEnd(absl::Duration timeout) {
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&is_done_), timeout)) return status_;
    return absl::DeadlineExceededError(
        absl::StrCat("the stream still runs after ", absl::FormatDuration(timeout)));
  }

 private:
  // Returns false if the stream has ended.
  bool TakeHold() {
    absl::MutexLock lock(&mu_);
    if (is_read_ended_) return false;
    AddHold();
    return true;
  }

  void OnWriteDone(bool ok) override {
    if (ok) listener_.OnWritten();  // Otherwise the read side ends too.
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      listener_.OnResponse(response_);
      StartRead(&response_);
      return;
    }
    {
      absl::MutexLock lock(&mu_);
      is_read_ended_ = true;
    }
    RemoveHold();
  }

  void OnDone(const grpc::Status& status) override {
    absl::Status end = FromGrpc(status);
    listener_.OnEnd(end);
    absl::MutexLock lock(&mu_);
    status_ = std::move(end);
    is_done_ = true;
  }

  // Constant after construction.
  const std::unique_ptr<v1::InferenceService::Stub> stub_;
  Listener& listener_;
  grpc::ClientContext context_;

  // Used only by gRPC's reactions, which run one at a time.
  v1::StreamResponse response_;

  // Guarded by mu_.
  absl::Mutex mu_;
  bool is_read_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool is_done_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

MessageStream::MessageStream(std::shared_ptr<grpc::Channel> channel, Listener& listener)
    : channel_(std::move(channel)), call_(std::make_unique<Call>(channel_, listener)) {}

MessageStream::~MessageStream() = default;

void MessageStream::Write(const v1::StreamRequest& message) { call_->Write(message); }

void MessageStream::HalfClose() { call_->HalfClose(); }

void MessageStream::Cancel() { call_->Cancel(); }

absl::Status MessageStream::AwaitEnd(absl::Duration timeout) { return call_->AwaitEnd(timeout); }

}  // namespace rnnserve::client

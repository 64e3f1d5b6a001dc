// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo/handoff_streams.h"

#include <utility>

namespace rnnserve::testing {

// Serves one stream. Deletes itself in OnDone.
class HandoffStreams::EchoStream final
    : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  explicit EchoStream(HandoffStreams& streams) : streams_(streams) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    streams_.Enqueue(*this);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

  void Answer() {
    streams_.echo_.Answer(request_, response_);
    StartWrite(&response_);
  }

 private:
  HandoffStreams& streams_;
  v1::StreamRequest request_;
  v1::StreamResponse response_;
};

HandoffStreams::HandoffStreams(const Echo& echo) : echo_(echo), thread_([this] { Run(); }) {}

HandoffStreams::~HandoffStreams() {
  {
    absl::MutexLock lock(&mu_);
    is_closed_ = true;
  }
  thread_.join();
}

grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* HandoffStreams::Stream(
    grpc::CallbackServerContext* /*context*/) {
  return new EchoStream(*this);
}

void HandoffStreams::Enqueue(EchoStream& stream) {
  absl::MutexLock lock(&mu_);
  waiting_.push_back(&stream);
}

void HandoffStreams::Run() {
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return is_closed_ || !waiting_.empty();
  };
  std::vector<EchoStream*> streams;
  while (true) {
    streams.clear();
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&is_due));
      if (waiting_.empty()) return;
      std::swap(streams, waiting_);
    }
    for (EchoStream* const stream : streams) stream->Answer();
  }
}

}  // namespace rnnserve::testing

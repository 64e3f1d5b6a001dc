// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/echo/callback_streams.h"

namespace rnnserve::testing {
namespace {

// Serves one stream. Deletes itself in OnDone.
class EchoStream final : public grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse> {
 public:
  explicit EchoStream(const Echo& echo) : echo_(echo) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    echo_.Answer(request_, response_);
    StartWrite(&response_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    StartRead(&request_);
  }
  void OnDone() override { delete this; }

 private:
  const Echo& echo_;
  v1::StreamRequest request_;
  v1::StreamResponse response_;
};

}  // namespace

grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* CallbackStreams::Stream(
    grpc::CallbackServerContext* /*context*/) {
  return new EchoStream(echo_);
}

}  // namespace rnnserve::testing

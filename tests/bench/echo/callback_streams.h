// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_CALLBACK_STREAMS_H_
#define RNNSERVE_TESTS_BENCH_ECHO_CALLBACK_STREAMS_H_

#include "rnnserve/v1/inference.grpc.pb.h"
#include "tests/bench/echo/echo.h"

namespace rnnserve::testing {

// Echo streams on gRPC's callback interface that do as little work as possible. Each message is
// answered before the next is read.
class CallbackStreams final : public v1::InferenceService::CallbackService {
 public:
  explicit CallbackStreams(const Echo& echo) : echo_(echo) {}

  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* context) override;

 private:
  const Echo& echo_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_CALLBACK_STREAMS_H_

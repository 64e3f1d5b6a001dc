// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_
#define RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <thread>
#include <vector>

#include "rnnserve/v1/inference.grpc.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"
#include "tests/bench/echo/echo.h"

namespace rnnserve::testing {

// The streams of CallbackStreams on completion queues. Each queue has its own thread, which does
// all the work of its streams. The calls that a client makes first are served on the queues too. A
// service with another interface would have threads of its own, which would read messages of these
// streams and have to hand them over.
class AsyncStreams {
 public:
  AsyncStreams(const Echo& echo, int num_queues) : echo_(echo), num_queues_(num_queues) {}

  // Adds services and queues. Call it before the server is built.
  void AddTo(grpc::ServerBuilder& builder);
  // Call it once the server is built.
  void Start();
  // Call it once the server is shut down.
  void Stop();

 private:
  const Echo& echo_;
  const int num_queues_;
  v1::InferenceService::AsyncService streams_;
  v1::ModelService::AsyncService models_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_

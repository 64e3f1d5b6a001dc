// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_
#define RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <thread>
#include <vector>

#include "rnnserve/v1/inference.grpc.pb.h"
#include "tests/bench/echo/echo.h"

namespace rnnserve::testing {

// The same streams on completion queues, each with a thread of its own that does all that its
// streams have to do.
class AsyncStreams {
 public:
  using Service = v1::InferenceService::WithAsyncMethod_Stream<v1::InferenceService::Service>;

  AsyncStreams(const Echo& echo, int num_queues) : echo_(echo), num_queues_(num_queues) {}

  Service* service() { return &service_; }
  // Before the server is built.
  void AddQueues(grpc::ServerBuilder& builder);
  // Once it is.
  void Start();
  // Once it is shut down.
  void Stop();

 private:
  const Echo& echo_;
  const int num_queues_;
  Service service_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_ASYNC_STREAMS_H_

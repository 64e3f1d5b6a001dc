// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_HANDOFF_STREAMS_H_
#define RNNSERVE_TESTS_BENCH_ECHO_HANDOFF_STREAMS_H_

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "tests/bench/echo/echo.h"

namespace rnnserve::testing {

// Echo streams on the callback interface whose messages are answered by a separate thread, which
// takes all waiting messages at once. A server that batches the requests of many streams cannot do
// less.
class HandoffStreams final : public v1::InferenceService::CallbackService {
 public:
  explicit HandoffStreams(const Echo& echo);
  // REQUIRES: the server has been shut down.
  ~HandoffStreams() override;

  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* context) override;

 private:
  class EchoStream;

  void Enqueue(EchoStream& stream);
  void Run();

  const Echo& echo_;
  absl::Mutex mu_;
  std::vector<EchoStream*> waiting_ ABSL_GUARDED_BY(mu_);
  bool is_closed_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_HANDOFF_STREAMS_H_

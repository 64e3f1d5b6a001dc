// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_QUEUED_CALL_H_
#define RNNSERVE_TESTS_BENCH_ECHO_QUEUED_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

namespace rnnserve::testing {

// A call on a completion queue, or the wish for one; the tag of its operations, of which one at a
// time is under way. Owns itself. Used by the thread of its queue.
class QueuedCall {
 public:
  virtual ~QueuedCall() = default;
  // The operation has ended; `ok` as gRPC tells it.
  virtual void Move(bool ok) = 0;
};

// A call with one request, which is not looked at, and one response, always the same.
template <typename Request, typename Response>
class QueuedUnary final : public QueuedCall {
 public:
  // Asks the service for the next call.
  using Ask = std::function<void(grpc::ServerContext*, Request*,
                                 grpc::ServerAsyncResponseWriter<Response>*, void* tag)>;

  QueuedUnary(Ask ask, Response response)
      : ask_(std::move(ask)), response_(std::move(response)), writer_(&context_) {
    ask_(&context_, &request_, &writer_, this);
  }

  void Move(bool ok) override {
    if (!ok || is_answered_) {
      delete this;
      return;
    }
    new QueuedUnary(ask_, response_);
    is_answered_ = true;
    writer_.Finish(response_, grpc::Status::OK, this);
  }

 private:
  const Ask ask_;
  const Response response_;
  grpc::ServerContext context_;
  Request request_;
  grpc::ServerAsyncResponseWriter<Response> writer_;
  bool is_answered_ = false;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_QUEUED_CALL_H_

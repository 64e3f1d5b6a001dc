// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_QUEUED_CALL_H_
#define RNNSERVE_TESTS_BENCH_ECHO_QUEUED_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

namespace rnnserve::testing {

// A call on a completion queue, or a request to receive one. It is the tag of its operations, of
// which only one is in flight at a time. Deletes itself. Used by one thread at a time: its queue's
// thread.
class QueuedCall {
 public:
  virtual ~QueuedCall() = default;
  // Handles the end of the operation. `ok` is as gRPC defines it.
  virtual void Move(bool ok) = 0;
};

// A unary call that ignores its request and always sends the same response.
template <typename Request, typename Response>
class QueuedUnary final : public QueuedCall {
 public:
  // Requests the next call from the service.
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

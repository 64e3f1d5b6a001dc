// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_UNARY_CALL_H_
#define RNNSERVE_SERVER_UNARY_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/cancellation.h"
#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/metrics.h"
#include "server/request_limits.h"
#include "server/session_calls.h"
#include "server/status_mapping.h"

namespace rnnserve::server {

// One unary call: passes the client's cancellation and deadline to the engine, passes the reply
// back to the client, and measures the call. gRPC owns it from the moment a handler returns it; it
// deletes itself when gRPC is done with it. Thread-safe.
template <typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const Clock& clock, MethodMetrics& metrics, Response* response)
      : clock_(clock), metrics_(metrics), response_(response), begin_(clock.Now()) {}

  // Returns the deadline and the cancellation of this call, for the engine.
  CallLimits Limits(const grpc::ServerContextBase& context) const {
    return {DeadlineOf(context, clock_), cancellation_};
  }

  // Returns the callback that finishes this call. It must be called exactly once, unless Complete
  // is called instead.
  Reply<Response> MakeReply() {
    return [this](absl::StatusOr<Response> result) { Complete(std::move(result)); };
  }

  // Finishes the call. gRPC may delete it before this returns.
  void Complete(absl::StatusOr<Response> result) {
    const absl::Status status = result.status();
    metrics_.OnRequest(status, clock_.Now() - begin_);
    if (status.ok()) *response_ = *std::move(result);
    Finish(ToGrpcStatus(status));
  }

  void OnCancel() override { cancellation_->Cancel(); }
  void OnDone() override { delete this; }

 private:
  const Clock& clock_;
  MethodMetrics& metrics_;
  Response* const response_;
  const absl::Time begin_;
  const std::shared_ptr<Cancellation> cancellation_ = std::make_shared<Cancellation>();
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_UNARY_CALL_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_UNARY_ACTIONS_H_
#define RNNSERVE_CLIENT_CPP_UNARY_ACTIONS_H_

#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/action_channel.h"
#include "rnnserve/v1/inference.grpc.pb.h"

namespace rnnserve::client {

// Performs each action with its own unary call.
//
// Owns the calls in flight, which keep it alive. Thread-safe. Made by std::make_shared. An
// implementation detail of Client and Session; use those.
class UnaryActions final : public ActionChannel, public std::enable_shared_from_this<UnaryActions> {
 public:
  explicit UnaryActions(std::shared_ptr<v1::InferenceService::StubInterface> stub);

  // After Shutdown, calls `callback` with UNAVAILABLE before returning.
  void Send(v1::StreamAction action, absl::Duration timeout, ActionCallback callback) override;

  // Waits until no call is in flight (the timeout of each call bounds the wait) and releases the
  // stub with its channel. gRPC joins its own threads when a channel is destroyed, so the last
  // reference must not be dropped on one of them; the destructor could run there. REQUIRES: the
  // calling thread is not one of gRPC's.
  void Shutdown();

 private:
  struct Call;
  template <typename Request, typename Response>
  using Method = void (v1::InferenceService::StubInterface::async_interface::*)(
      grpc::ClientContext*, const Request*, Response*, std::function<void(grpc::Status)>);

  template <typename Request, typename Response>
  void Start(std::unique_ptr<Call> call, Method<Request, Response> method, const Request& request,
             Response* response);
  void Finish(Call* call, const grpc::Status& status);

  // Guarded by mu_.
  absl::Mutex mu_;
  std::shared_ptr<v1::InferenceService::StubInterface> stub_ ABSL_GUARDED_BY(mu_);
  bool is_shut_down_ ABSL_GUARDED_BY(mu_) = false;
  size_t num_calls_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_UNARY_ACTIONS_H_

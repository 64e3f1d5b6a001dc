// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_CPP_TARGET_SERVERS_H_
#define RNNSERVE_CLIENT_CPP_TARGET_SERVERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cpp/session_servers.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "rnnserve/v1/inference.grpc.pb.h"

namespace rnnserve::client {

// The servers behind a list of gRPC targets: several replicas, or one proxy in front of them. Every
// call carries the metadata `x-session-id`, by which a proxy finds the server of a session.
//
// Owns one channel, to the current target, without TLS and with a TCP connection of its own;
// otherwise MoveOn could get the broken connection back from gRPC's pool. Used by one thread at a
// time: the owner's. Calls do not wait for a connection: they fail with UNAVAILABLE if there is
// none.
//
// It sends no keepalive pings. Pings are for connections that are idle for long; here the timeout
// of a step detects a dead connection first, and a server closes connections that ping too often.
class TargetServers final : public SessionServers {
 public:
  // INVALID_ARGUMENT if `targets` is empty.
  static absl::StatusOr<std::unique_ptr<TargetServers>> Create(std::vector<std::string> targets,
                                                               int max_message_bytes);

  absl::StatusOr<v1::OpenSessionResponse> Open(const v1::OpenSessionRequest& request,
                                               absl::Duration timeout) override;
  absl::StatusOr<v1::AttachSessionResponse> Attach(const v1::AttachSessionRequest& request,
                                                   absl::Duration timeout) override;
  absl::StatusOr<v1::StepResponse> Step(const v1::StepRequest& request,
                                        absl::Duration timeout) override;
  absl::StatusOr<v1::GetStateResponse> GetState(const v1::GetStateRequest& request,
                                                absl::Duration timeout) override;
  absl::StatusOr<v1::CloseSessionResponse> Close(const v1::CloseSessionRequest& request,
                                                 absl::Duration timeout) override;

  int size() const override { return static_cast<int>(targets_.size()); }
  void MoveOn() override;

 private:
  using Stub = v1::InferenceService::StubInterface;
  template <typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  TargetServers(std::vector<std::string> targets, int max_message_bytes);
  void Connect();
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(Method<Request, Response> method, const Request& request,
                                absl::Duration timeout);

  const std::vector<std::string> targets_;
  const int max_message_bytes_;
  size_t current_ = 0;  // index into targets_
  std::unique_ptr<Stub> stub_;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_CPP_TARGET_SERVERS_H_

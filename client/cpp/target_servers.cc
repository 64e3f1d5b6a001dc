// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/target_servers.h"

#include <utility>

#include "client/cpp/deadline.h"
#include "client/cpp/status_conversion.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace rnnserve::client {
namespace {

// The metadata key by which a proxy finds the server of a session.
constexpr char kSessionIdKey[] = "x-session-id";

// How long gRPC waits between its own attempts to connect; it refuses calls meanwhile. Its defaults
// (1 s at first, up to 2 min) are long compared with the time for which a step is retried.
constexpr int kMinReconnectBackoffMs = 50;
constexpr int kMaxReconnectBackoffMs = 1000;

}  // namespace

absl::StatusOr<std::unique_ptr<TargetServers>> TargetServers::Create(
    std::vector<std::string> targets, int max_message_bytes) {
  if (targets.empty()) return absl::InvalidArgumentError("there is no target");
  return std::unique_ptr<TargetServers>(new TargetServers(std::move(targets), max_message_bytes));
}

TargetServers::TargetServers(std::vector<std::string> targets, int max_message_bytes)
    : targets_(std::move(targets)), max_message_bytes_(max_message_bytes) {
  Connect();
}

void TargetServers::Connect() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(max_message_bytes_);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
  stub_ = v1::InferenceService::NewStub(
      grpc::CreateCustomChannel(targets_[current_], grpc::InsecureChannelCredentials(), arguments));
}

void TargetServers::MoveOn() {
  current_ = (current_ + 1) % targets_.size();
  Connect();
}

template <typename Response, typename Request>
absl::StatusOr<Response> TargetServers::Call(Method<Request, Response> method,
                                             const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineAfter(timeout));
  context.AddMetadata(kSessionIdKey, request.session_id());
  Response response;
  const absl::Status status = FromGrpc(((*stub_).*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

absl::StatusOr<v1::OpenSessionResponse> TargetServers::Open(const v1::OpenSessionRequest& request,
                                                            absl::Duration timeout) {
  return Call<v1::OpenSessionResponse>(&Stub::OpenSession, request, timeout);
}

absl::StatusOr<v1::AttachSessionResponse> TargetServers::Attach(
    const v1::AttachSessionRequest& request, absl::Duration timeout) {
  return Call<v1::AttachSessionResponse>(&Stub::AttachSession, request, timeout);
}

absl::StatusOr<v1::StepResponse> TargetServers::Step(const v1::StepRequest& request,
                                                     absl::Duration timeout) {
  return Call<v1::StepResponse>(&Stub::Step, request, timeout);
}

absl::StatusOr<v1::GetStateResponse> TargetServers::GetState(const v1::GetStateRequest& request,
                                                             absl::Duration timeout) {
  return Call<v1::GetStateResponse>(&Stub::GetState, request, timeout);
}

absl::StatusOr<v1::CloseSessionResponse> TargetServers::Close(
    const v1::CloseSessionRequest& request, absl::Duration timeout) {
  return Call<v1::CloseSessionResponse>(&Stub::CloseSession, request, timeout);
}

}  // namespace rnnserve::client

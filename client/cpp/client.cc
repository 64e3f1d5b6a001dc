// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/cpp/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/deadline.h"
#include "client/cpp/status_conversion.h"
#include "client/cpp/stream_call.h"
#include "client/cpp/unary_actions.h"
#include "client/cpp/wire.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"

namespace rnnserve::client {
namespace {

// The largest page size that the server supports.
constexpr int kSessionPageSize = 1000;

absl::Status AwaitReady(grpc::Channel& channel, const std::string& target, absl::Duration timeout) {
  grpc_connectivity_state state = channel.GetState(/*try_to_connect=*/true);
  while (state != GRPC_CHANNEL_READY) {
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE || state == GRPC_CHANNEL_SHUTDOWN) {
      return absl::UnavailableError(absl::StrCat("no server answers at ", target));
    }
    if (!channel.WaitForStateChange(state, DeadlineAfter(timeout))) {
      return absl::UnavailableError(absl::StrCat("no server answered at ", target, " within ",
                                                 absl::FormatDuration(timeout)));
    }
    state = channel.GetState(true);
  }
  return absl::OkStatus();
}

// Makes one blocking unary call through a stub and returns its response.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request, const CallOptions& options) {
  grpc::ClientContext context;
  context.set_deadline(DeadlineAfter(options.timeout));
  Response response;
  const absl::Status status = FromGrpc((stub.*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

}  // namespace

using Inference = v1::InferenceService::StubInterface;
using Models = v1::ModelService::StubInterface;

struct Client::Connection {
  explicit Connection(std::shared_ptr<grpc::Channel> connected)
      : channel(std::move(connected)),
        inference(v1::InferenceService::NewStub(channel)),
        models(v1::ModelService::NewStub(channel)),
        unary(std::make_shared<UnaryActions>(inference)) {}

  // The stubs and MessageStreams share the channel. Streams and Sessions share `inference` and
  // `unary`.
  const std::shared_ptr<grpc::Channel> channel;
  const std::shared_ptr<Inference> inference;
  const std::unique_ptr<Models> models;
  const std::shared_ptr<UnaryActions> unary;
};

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& target) {
  return Connect(target, Options());
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& target,
                                                        const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  if (options.has_own_connection) arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  const absl::Status status = AwaitReady(*channel, target, options.connect_timeout);
  if (!status.ok()) return status;
  return std::unique_ptr<Client>(new Client(std::make_unique<Connection>(channel)));
}

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

Client::~Client() { connection_->unary->Shutdown(); }

absl::StatusOr<std::vector<v1::ModelSummary>> Client::ListModels(const CallOptions& options) {
  const auto response =
      Call(*connection_->models, &Models::ListModels, v1::ListModelsRequest(), options);
  if (!response.ok()) return response.status();
  return std::vector<v1::ModelSummary>(response->models().begin(), response->models().end());
}

absl::StatusOr<v1::DescribeModelResponse> Client::DescribeModel(const std::string& model,
                                                                const CallOptions& options) {
  v1::DescribeModelRequest request;
  request.set_model(model);
  return Call(*connection_->models, &Models::DescribeModel, request, options);
}

absl::StatusOr<v1::ReloadModelResponse> Client::ReloadModel(const std::string& model,
                                                            const CallOptions& options) {
  v1::ReloadModelRequest request;
  request.set_model(model);
  return Call(*connection_->models, &Models::ReloadModel, request, options);
}

absl::StatusOr<InferResult> Client::Infer(const InferRequest& request, const CallOptions& options) {
  v1::InferRequest message;
  message.set_model(request.model);
  ToMessage(request.inputs, message.mutable_inputs());
  if (request.inputs.empty()) ToMessage(request.input, message.mutable_input());
  if (request.mask.has_value()) ToMessage(*request.mask, message.mutable_mask());
  ToMessage(request.initial_state, message.mutable_initial_state());
  message.set_return_state(request.return_state);
  message.set_training(request.training);
  if (request.seed.has_value()) message.set_seed(*request.seed);
  const auto response = Call(*connection_->inference, &Inference::Infer, message, options);
  if (!response.ok()) return response.status();
  absl::StatusOr<std::vector<NamedTensor>> outputs = FromMessages(response->outputs());
  if (!outputs.ok()) return outputs.status();
  absl::StatusOr<Tensor> output = outputs->empty() ? FromMessage(response->output()) : Tensor();
  if (!output.ok()) return output.status();
  absl::StatusOr<std::vector<StateTensor>> state = FromMessages(response->state());
  if (!state.ok()) return state.status();
  InferResult result{*std::move(output), *std::move(state), std::nullopt, *std::move(outputs)};
  if (response->has_seed()) result.seed = response->seed();
  return result;
}

std::unique_ptr<Stream> Client::OpenStream(const StreamOptions& options) {
  return std::unique_ptr<Stream>(new Stream(StreamCall::Start(connection_->inference, options)));
}

std::unique_ptr<MessageStream> Client::OpenMessageStream(MessageStream::Listener& listener) {
  return std::unique_ptr<MessageStream>(new MessageStream(connection_->channel, listener));
}

absl::StatusOr<Session> Client::OpenSession(const std::string& model, const SessionOptions& options,
                                            const CallOptions& call_options) {
  v1::StreamAction action;
  ToMessage(model, options, action.mutable_open());
  const auto result = SendAndWait(*connection_->unary, std::move(action), call_options.timeout);
  if (!result.ok()) return result.status();
  return Session(connection_->unary, result->open().session_id(), result->open().epoch());
}

absl::StatusOr<Session> Client::AttachSession(const std::string& session_id,
                                              const CallOptions& options,
                                              const std::string& resume_token) {
  v1::StreamAction action;
  action.mutable_attach()->set_session_id(session_id);
  if (!resume_token.empty()) action.mutable_attach()->set_resume_token(resume_token);
  const auto result = SendAndWait(*connection_->unary, std::move(action), options.timeout);
  if (!result.ok()) return result.status();
  return Session(connection_->unary, session_id, result->attach().epoch(),
                 result->attach().version());
}

Session Client::AdoptSession(std::string session_id) {
  return Session(connection_->unary, std::move(session_id));
}

absl::StatusOr<StepSessionsResult> Client::StepSessions(const StepSessionsRequest& request,
                                                        const CallOptions& options) {
  return StepSessionsOn(*connection_->unary, request, options);
}

absl::StatusOr<uint64_t> Client::ResetSessions(const std::vector<std::string>& session_ids,
                                               const CallOptions& options) {
  v1::ResetStateRequest request;
  request.mutable_session_ids()->Assign(session_ids.begin(), session_ids.end());
  const auto response = Call(*connection_->inference, &Inference::ResetState, request, options);
  if (!response.ok()) return response.status();
  return response->num_sessions();
}

absl::StatusOr<uint64_t> Client::ResetModelSessions(const std::string& model,
                                                    const CallOptions& options) {
  v1::ResetStateRequest request;
  request.set_model(model);
  const auto response = Call(*connection_->inference, &Inference::ResetState, request, options);
  if (!response.ok()) return response.status();
  return response->num_sessions();
}

absl::StatusOr<std::string> Client::ExportSession(const std::string& session_id,
                                                  const CallOptions& options) {
  v1::ExportSessionRequest request;
  request.set_session_id(session_id);
  auto response = Call(*connection_->inference, &Inference::ExportSession, request, options);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_snapshot());
}

absl::StatusOr<Session> Client::ImportSession(const std::string& snapshot,
                                              const std::string& session_id,
                                              const CallOptions& options) {
  v1::ImportSessionRequest request;
  request.set_snapshot(snapshot);
  request.set_session_id(session_id);
  const auto response = Call(*connection_->inference, &Inference::ImportSession, request, options);
  if (!response.ok()) return response.status();
  return Session(connection_->unary, response->session_id(), response->epoch(),
                 response->version());
}

absl::StatusOr<uint64_t> Client::EvictSession(const std::string& session_id,
                                              const CallOptions& options) {
  v1::EvictSessionRequest request;
  request.set_session_id(session_id);
  const auto response = Call(*connection_->inference, &Inference::EvictSession, request, options);
  if (!response.ok()) return response.status();
  return response->version();
}

absl::StatusOr<std::vector<v1::SessionSummary>> Client::ListSessions(const SessionFilter& filter,
                                                                     const CallOptions& options) {
  v1::ListSessionsRequest request;
  request.set_model(filter.model);
  request.set_id_prefix(filter.id_prefix);
  request.set_min_idle_ms(absl::ToInt64Milliseconds(filter.min_idle));
  request.set_page_size(kSessionPageSize);
  std::vector<v1::SessionSummary> sessions;
  do {
    const auto response = Call(*connection_->inference, &Inference::ListSessions, request, options);
    if (!response.ok()) return response.status();
    sessions.insert(sessions.end(), response->sessions().begin(), response->sessions().end());
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return sessions;
}

}  // namespace rnnserve::client

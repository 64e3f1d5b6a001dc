// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/session_calls.h"

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "server/infer_calls.h"
#include "server/input_codec.h"
#include "server/request_limits.h"
#include "server/state_codec.h"
#include "server/status_mapping.h"
#include "server/tensor_codec.h"

namespace rnnserve::server {
namespace {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

absl::StatusOr<std::optional<Durability>> DecodeDurability(v1::Durability durability) {
  switch (durability) {
    case v1::DURABILITY_UNSPECIFIED:
      return std::nullopt;
    case v1::DURABILITY_NONE:
      return Durability::kNone;
    case v1::DURABILITY_ASYNC:
      return Durability::kAsync;
    case v1::DURABILITY_SYNC:
      return Durability::kSync;
    default:
      return InvalidArgument("DURABILITY",
                             absl::StrCat("durability is ", static_cast<int>(durability),
                                          ", but must be 0 to ", v1::Durability_MAX));
  }
}

v1::Durability EncodeDurability(Durability durability) {
  switch (durability) {
    case Durability::kNone:
      return v1::DURABILITY_NONE;
    case Durability::kAsync:
      return v1::DURABILITY_ASYNC;
    case Durability::kSync:
      return v1::DURABILITY_SYNC;
  }
  return v1::DURABILITY_UNSPECIFIED;
}

// Returns a callback that replies with an opened, imported or attached session.
template <typename Response>
Engine::OpenCallback MakeOpenCallback(Reply<Response> reply) {
  return [reply = std::move(reply)](absl::StatusOr<OpenedSession> opened) mutable {
    if (!opened.ok()) return reply(opened.status());
    Response response;
    response.set_session_id(opened->session_id);
    response.set_version(opened->version);
    response.set_epoch(opened->epoch);
    response.set_model_digest(opened->model_digest);
    response.set_durability(EncodeDurability(opened->durability));
    if (opened->idle_timeout < absl::InfiniteDuration()) {
      response.set_idle_timeout_ms(absl::ToInt64Milliseconds(opened->idle_timeout));
    }
    if constexpr (std::is_same_v<Response, v1::AttachSessionResponse>) {
      response.set_durable_version(opened->durable_version);
    }
    reply(std::move(response));
  };
}

// Returns a callback that replies with the last version of a session that has ended.
template <typename Request, typename Response>
Engine::VersionCallback MakeEndCallback(const Request& request, Reply<Response> reply) {
  return [&request, reply = std::move(reply)](absl::StatusOr<uint64_t> version) mutable {
    if (!version.ok()) return reply(version.status());
    Response response;
    response.set_session_id(request.session_id());
    response.set_version(*version);
    reply(std::move(response));
  };
}

absl::StatusOr<OpenSessionCall> ToOpenSessionCall(const v1::OpenSessionRequest& request,
                                                  bool detached, TensorStorage& storage) {
  if (request.model().empty()) return FieldMissing("model");
  OpenSessionCall call;
  call.model = request.model();
  call.session_id = request.session_id();
  call.detached = detached;
  call.idle_timeout = absl::Milliseconds(request.idle_timeout_ms());
  call.reply_window = request.reply_window();
  RNNSERVE_ASSIGN_OR_RETURN(call.durability, DecodeDurability(request.durability()));
  RNNSERVE_ASSIGN_OR_RETURN(call.initial_state,
                            DecodeStates(request.initial_state(), "initial_state", storage));
  return call;
}

absl::StatusOr<StepCall> ToStepCall(const v1::StepRequest& request, CallLimits limits,
                                    const Clock& clock, TensorStorage& storage) {
  if (request.session_id().empty()) return FieldMissing("session_id");
  if (request.training()) return FieldUnsupported("training");
  StepCall call;
  call.session_id = request.session_id();
  if (request.has_step_index()) call.step_index = request.step_index();
  if (request.has_epoch()) call.epoch = request.epoch();
  RNNSERVE_ASSIGN_OR_RETURN(call.limits,
                            WithTimeout(std::move(limits), request.timeout_ms(), clock));
  RNNSERVE_ASSIGN_OR_RETURN(call.priority, DecodePriority(request.priority()));
  call.return_state = request.return_state();
  RNNSERVE_ASSIGN_OR_RETURN(call.inputs, DecodeInputs(InputsOf(request), storage));
  RNNSERVE_ASSIGN_OR_RETURN(call.initial_state,
                            DecodeStates(request.initial_state(), "initial_state", storage));
  return call;
}

absl::StatusOr<StepSessionsCall> ToStepSessionsCall(const v1::StepSessionsRequest& request,
                                                    CallLimits limits, const Clock& clock,
                                                    TensorStorage& storage) {
  if (request.model().empty()) return FieldMissing("model");
  StepSessionsCall call;
  call.model = request.model();
  call.session_ids.assign(request.session_ids().begin(), request.session_ids().end());
  call.step_indices.assign(request.step_indices().begin(), request.step_indices().end());
  call.epochs.assign(request.epochs().begin(), request.epochs().end());
  RNNSERVE_ASSIGN_OR_RETURN(call.limits,
                            WithTimeout(std::move(limits), request.timeout_ms(), clock));
  RNNSERVE_ASSIGN_OR_RETURN(call.priority, DecodePriority(request.priority()));
  RNNSERVE_ASSIGN_OR_RETURN(call.inputs, DecodeInputs(InputsOf(request), storage));
  return call;
}

v1::StepSessionsResponse ToStepSessionsResponse(const StepSessionsResult& result,
                                                TensorEncoding encoding) {
  v1::StepSessionsResponse response;
  // If every row failed, there are no outputs: under overload, encoding all the zeros would cost
  // more than the refusal itself.
  EncodeOutputs(result.outputs, encoding, response);
  response.mutable_versions()->Add(result.versions.begin(), result.versions.end());
  // Rows that were refused together share one status, which is translated once.
  absl::Status last;
  google::rpc::Status translated;
  for (const auto& [row, status] : result.errors) {
    if (status != last) translated = ToRpcStatus(last = status);
    v1::StepSessionsError& error = *response.add_errors();
    error.set_row(static_cast<int32_t>(row));
    *error.mutable_error() = translated;
  }
  response.mutable_durable_versions()->Add(result.durable_versions.begin(),
                                           result.durable_versions.end());
  for (const int64_t row : result.replayed_rows) {
    response.add_replayed_rows(static_cast<int32_t>(row));
  }
  return response;
}

absl::StatusOr<v1::ListSessionsResponse> ListPage(const Engine& engine,
                                                  const v1::ListSessionsRequest& request) {
  const int64_t page_size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  if (page_size < 1 || page_size > kMaxPageSize) {
    return InvalidArgument(
        "PAGE_SIZE", absl::StrCat("page_size is ", page_size, ", but must be 1 to ", kMaxPageSize));
  }
  if (request.min_idle_ms() < 0) {
    return InvalidArgument("MIN_IDLE",
                           absl::StrCat("min_idle_ms is ", request.min_idle_ms(), ", below 0"));
  }
  // The token is the last id of the previous page: it stays valid when that session ends. Reading
  // one session more than a page holds shows whether another page follows.
  RNNSERVE_ASSIGN_OR_RETURN(auto sessions,
                            engine.ListSessions({request.model(), request.id_prefix(),
                                                 absl::Milliseconds(request.min_idle_ms())},
                                                request.page_token(), page_size + 1));
  v1::ListSessionsResponse response;
  if (static_cast<int64_t>(sessions.size()) > page_size) {
    sessions.pop_back();
    response.set_next_page_token(sessions.back().id);
  }
  for (const SessionSummary& session : sessions) {
    v1::SessionSummary& summary = *response.add_sessions();
    summary.set_session_id(session.id);
    summary.set_model(session.model_name);
    summary.set_version(session.version);
    summary.set_epoch(session.epoch);
    summary.set_detached(session.detached);
    summary.set_idle_ms(absl::ToInt64Milliseconds(session.idle));
    summary.set_state_bytes(session.state_bytes);
    summary.set_model_digest(session.model_digest);
    summary.set_spilled(session.is_spilled);
  }
  return response;
}

}  // namespace

void SessionCalls::Open(const v1::OpenSessionRequest& request,
                        Reply<v1::OpenSessionResponse> reply) const {
  OpenAs(request, request.detached(), std::move(reply));
}

void SessionCalls::OpenDetached(const v1::OpenSessionRequest& request,
                                Reply<v1::OpenSessionResponse> reply) const {
  OpenAs(request, /*detached=*/true, std::move(reply));
}

void SessionCalls::OpenAs(const v1::OpenSessionRequest& request, bool detached,
                          Reply<v1::OpenSessionResponse> reply) const {
  TensorStorage storage;
  const auto call = ToOpenSessionCall(request, detached, storage);
  if (!call.ok()) return reply(call.status());
  engine_.OpenSession(*call, MakeOpenCallback(std::move(reply)));
}

void SessionCalls::Import(const v1::ImportSessionRequest& request,
                          Reply<v1::ImportSessionResponse> reply) const {
  if (request.snapshot().empty()) return reply(FieldMissing("snapshot"));
  const auto durability = DecodeDurability(request.durability());
  if (!durability.ok()) return reply(durability.status());
  engine_.ImportSession({request.snapshot(), request.session_id(), *durability},
                        MakeOpenCallback(std::move(reply)));
}

void SessionCalls::Export(const v1::ExportSessionRequest& request,
                          Reply<v1::ExportSessionResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  engine_.ExportSession(
      request.session_id(),
      [reply = std::move(reply)](absl::StatusOr<ExportedSession> exported) mutable {
        if (!exported.ok()) return reply(exported.status());
        v1::ExportSessionResponse response;
        response.set_snapshot(std::move(exported->snapshot));
        response.set_version(exported->version);
        reply(std::move(response));
      });
}

void SessionCalls::Attach(const v1::AttachSessionRequest& request,
                          Reply<v1::AttachSessionResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  if (request.has_resume_token()) {
    const absl::Status status =
        engine_.CheckResumeToken(request.session_id(), request.resume_token());
    if (!status.ok()) return reply(status);
  }
  engine_.AttachSession(request.session_id(), MakeOpenCallback(std::move(reply)));
}

void SessionCalls::Fork(const v1::ForkSessionRequest& request,
                        Reply<v1::ForkSessionResponse> reply) const {
  ForkAs(request, request.detached(), std::move(reply));
}

void SessionCalls::ForkDetached(const v1::ForkSessionRequest& request,
                                Reply<v1::ForkSessionResponse> reply) const {
  ForkAs(request, /*detached=*/true, std::move(reply));
}

void SessionCalls::ForkAs(const v1::ForkSessionRequest& request, bool detached,
                          Reply<v1::ForkSessionResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  ForkSessionCall call;
  call.session_id = request.session_id();
  call.fork_ids.assign(request.fork_ids().begin(), request.fork_ids().end());
  call.num_forks = request.num_forks();
  call.detached = detached;
  call.idle_timeout = absl::Milliseconds(request.idle_timeout_ms());
  call.reply_window = request.reply_window();
  engine_.ForkSession(std::move(call),
                      [reply = std::move(reply)](absl::StatusOr<ForkedSession> forked) mutable {
                        if (!forked.ok()) return reply(forked.status());
                        v1::ForkSessionResponse response;
                        for (std::string& id : forked->session_ids) {
                          response.add_session_ids(std::move(id));
                        }
                        response.set_version(forked->version);
                        reply(std::move(response));
                      });
}

void SessionCalls::Step(const v1::StepRequest& request, CallLimits limits,
                        Reply<v1::StepResponse> reply) const {
  auto storage = std::make_unique<TensorStorage>();
  auto call = ToStepCall(request, std::move(limits), clock_, *storage);
  if (!call.ok()) return reply(call.status());
  // The callback owns the storage, because the engine reads it until the callback runs.
  engine_.Step(*std::move(call), [&request, storage = std::move(storage), reply = std::move(reply)](
                                     absl::StatusOr<StepResult> result) mutable {
    if (!result.ok()) return reply(result.status());
    const TensorEncoding encoding = EncodingOf(InputsOf(request));
    v1::StepResponse response;
    response.set_session_id(request.session_id());
    EncodeOutputs(result->outputs, encoding, response);
    response.set_version(result->version);
    response.set_durable_version(result->durable_version);
    response.set_epoch(result->epoch);
    response.set_replayed(result->is_replayed);
    EncodeStates(result->state, encoding, *response.mutable_state());
    reply(std::move(response));
  });
}

void SessionCalls::StepSessions(const v1::StepSessionsRequest& request, CallLimits limits,
                                Reply<v1::StepSessionsResponse> reply) const {
  auto storage = std::make_unique<TensorStorage>();
  auto call = ToStepSessionsCall(request, std::move(limits), clock_, *storage);
  if (!call.ok()) return reply(call.status());
  engine_.StepSessions(*std::move(call),
                       [&request, storage = std::move(storage), reply = std::move(reply)](
                           absl::StatusOr<StepSessionsResult> result) mutable {
                         if (!result.ok()) return reply(result.status());
                         reply(ToStepSessionsResponse(*result, EncodingOf(InputsOf(request))));
                       });
}

void SessionCalls::Reset(const v1::ResetStateRequest& request,
                         Reply<v1::ResetStateResponse> reply) const {
  auto storage = std::make_unique<TensorStorage>();
  auto states = DecodeStates(request.state(), "state", *storage);
  if (!states.ok()) return reply(states.status());
  ResetStateCall call;
  call.session_ids.assign(request.session_ids().begin(), request.session_ids().end());
  call.model = request.model();
  call.state = *std::move(states);
  engine_.ResetState(std::move(call), [storage = std::move(storage), reply = std::move(reply)](
                                          absl::StatusOr<int64_t> count) mutable {
    if (!count.ok()) return reply(count.status());
    v1::ResetStateResponse response;
    response.set_num_sessions(static_cast<uint64_t>(*count));
    reply(std::move(response));
  });
}

void SessionCalls::GetState(const v1::GetStateRequest& request,
                            Reply<v1::GetStateResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  engine_.GetState(request.session_id(), [&request, reply = std::move(reply)](
                                             absl::StatusOr<SessionStateResult> result) mutable {
    if (!result.ok()) return reply(result.status());
    v1::GetStateResponse response;
    response.set_session_id(request.session_id());
    response.set_version(result->version);
    response.set_epoch(result->epoch);
    EncodeStates(result->state, TensorEncoding::kRaw, *response.mutable_state());
    reply(std::move(response));
  });
}

void SessionCalls::SetState(const v1::SetStateRequest& request,
                            Reply<v1::SetStateResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  if (request.state().empty()) return reply(FieldMissing("state"));
  auto storage = std::make_unique<TensorStorage>();
  auto states = DecodeStates(request.state(), "state", *storage);
  if (!states.ok()) return reply(states.status());
  SetStateCall call;
  call.session_id = request.session_id();
  call.state = *std::move(states);
  if (request.has_epoch()) call.epoch = request.epoch();
  engine_.SetState(std::move(call),
                   [&request, storage = std::move(storage),
                    reply = std::move(reply)](absl::StatusOr<uint64_t> version) mutable {
                     if (!version.ok()) return reply(version.status());
                     v1::SetStateResponse response;
                     response.set_session_id(request.session_id());
                     response.set_version(*version);
                     reply(std::move(response));
                   });
}

void SessionCalls::Close(const v1::CloseSessionRequest& request,
                         Reply<v1::CloseSessionResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  CloseSessionCall call{request.session_id(), EndReason::kClosed, std::nullopt};
  if (request.has_epoch()) call.epoch = request.epoch();
  engine_.CloseSession(call, MakeEndCallback(request, std::move(reply)));
}

void SessionCalls::Evict(const v1::EvictSessionRequest& request,
                         Reply<v1::EvictSessionResponse> reply) const {
  if (request.session_id().empty()) return reply(FieldMissing("session_id"));
  engine_.CloseSession({request.session_id(), EndReason::kEvicted, std::nullopt},
                       MakeEndCallback(request, std::move(reply)));
}

void SessionCalls::List(const v1::ListSessionsRequest& request,
                        Reply<v1::ListSessionsResponse> reply) const {
  reply(ListPage(engine_, request));
}

void SessionCalls::Infer(const v1::InferRequest& request, CallLimits limits,
                         Reply<v1::InferResponse> reply) const {
  auto storage = std::make_unique<TensorStorage>();
  auto call = ToInferCall(request, std::move(limits), *storage);
  if (!call.ok()) return reply(call.status());
  engine_.Infer(*std::move(call),
                [&request, storage = std::move(storage),
                 reply = std::move(reply)](absl::StatusOr<InferResult> result) mutable {
                  if (!result.ok()) return reply(result.status());
                  reply(ToInferResponse(request, *result));
                });
}

void SessionCalls::Watch(absl::string_view session_id,
                         const std::shared_ptr<SessionWatcher>& watcher) const {
  engine_.WatchSession(session_id, watcher);
}

void SessionCalls::Unwatch(absl::string_view session_id,
                           const std::shared_ptr<SessionWatcher>& watcher) const {
  engine_.UnwatchSession(session_id, watcher);
}

std::optional<std::string> SessionCalls::ResumeTokenOf(absl::string_view session_id) const {
  return engine_.ResumeTokenOf(session_id);
}

void SessionCalls::EndWithStream(const std::string& session_id) const {
  // An error means that the session has already ended, which is the goal.
  engine_.CloseSession({session_id, EndReason::kStreamEnded, std::nullopt},
                       [](const absl::StatusOr<uint64_t>&) {});
}

}  // namespace rnnserve::server

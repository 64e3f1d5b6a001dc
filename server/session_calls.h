// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_SESSION_CALLS_H_
#define RNNSERVE_SERVER_SESSION_CALLS_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "core/engine/engine.h"
#include "rnnserve/v1/inference.pb.h"
#include "rnnserve/v1/session.pb.h"

namespace rnnserve::server {

// Receives the reply of a call, once, on the calling thread or on a worker. Must not block.
template <typename Response>
using Reply = absl::AnyInvocable<void(absl::StatusOr<Response>)>;

// The calls of the service. Each takes a request message, checks its form, converts it, calls the
// engine and converts the answer into a reply message. The unary calls and the actions of a stream
// share them, so that both give the same answers.
//
// A request must live until its reply. Thread-safe. The clock and the engine must outlive it.
class SessionCalls {
 public:
  // A pointer to one of the calls below. Only calls that wait for a worker take limits.
  template <typename Request, typename Response>
  using Call = void (SessionCalls::*)(const Request&, Reply<Response>) const;
  template <typename Request, typename Response>
  using LimitedCall = void (SessionCalls::*)(const Request&, CallLimits, Reply<Response>) const;

  SessionCalls(const Clock& clock, Engine& engine) : clock_(clock), engine_(engine) {}

  void Open(const v1::OpenSessionRequest& request, Reply<v1::OpenSessionResponse> reply) const;
  // Like Open, but the session is detached whatever the request says.
  void OpenDetached(const v1::OpenSessionRequest& request,
                    Reply<v1::OpenSessionResponse> reply) const;
  void Attach(const v1::AttachSessionRequest& request,
              Reply<v1::AttachSessionResponse> reply) const;
  void Fork(const v1::ForkSessionRequest& request, Reply<v1::ForkSessionResponse> reply) const;
  // Like Fork, but the copies are detached whatever the request says.
  void ForkDetached(const v1::ForkSessionRequest& request,
                    Reply<v1::ForkSessionResponse> reply) const;
  void Export(const v1::ExportSessionRequest& request,
              Reply<v1::ExportSessionResponse> reply) const;
  void Import(const v1::ImportSessionRequest& request,
              Reply<v1::ImportSessionResponse> reply) const;
  void Step(const v1::StepRequest& request, CallLimits limits, Reply<v1::StepResponse> reply) const;
  void StepSessions(const v1::StepSessionsRequest& request, CallLimits limits,
                    Reply<v1::StepSessionsResponse> reply) const;
  void Reset(const v1::ResetStateRequest& request, Reply<v1::ResetStateResponse> reply) const;
  void GetState(const v1::GetStateRequest& request, Reply<v1::GetStateResponse> reply) const;
  void SetState(const v1::SetStateRequest& request, Reply<v1::SetStateResponse> reply) const;
  void Close(const v1::CloseSessionRequest& request, Reply<v1::CloseSessionResponse> reply) const;
  void Evict(const v1::EvictSessionRequest& request, Reply<v1::EvictSessionResponse> reply) const;
  void List(const v1::ListSessionsRequest& request, Reply<v1::ListSessionsResponse> reply) const;
  void Infer(const v1::InferRequest& request, CallLimits limits,
             Reply<v1::InferResponse> reply) const;

  // Call WatchSession, UnwatchSession and ResumeTokenOf of Engine.
  void Watch(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher) const;
  void Unwatch(absl::string_view session_id, const std::shared_ptr<SessionWatcher>& watcher) const;
  std::optional<std::string> ResumeTokenOf(absl::string_view session_id) const;

  // Ends a session that is bound to a stream which has ended.
  void EndWithStream(const std::string& session_id) const;

 private:
  void OpenAs(const v1::OpenSessionRequest& request, bool detached,
              Reply<v1::OpenSessionResponse> reply) const;
  void ForkAs(const v1::ForkSessionRequest& request, bool detached,
              Reply<v1::ForkSessionResponse> reply) const;

  const Clock& clock_;
  Engine& engine_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_SESSION_CALLS_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/inference_service.h"

#include "core/engine/engine.h"
#include "server/stream_call.h"
#include "server/unary_call.h"

namespace rnnserve::server {

InferenceService::InferenceService(const Clock& clock, Engine& engine, Metrics& metrics,
                                   StreamRegistry& streams)
    : clock_(clock), calls_(clock, engine), metrics_(metrics), streams_(streams) {}

grpc::ServerUnaryReactor* InferenceService::Infer(grpc::CallbackServerContext* context,
                                                  const v1::InferRequest* request,
                                                  v1::InferResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kInfer), response);
  calls_.Infer(*request, call->Limits(*context), call->MakeReply());
  return call;
}

grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* InferenceService::Stream(
    grpc::CallbackServerContext* context) {
  return StreamCall::Start(clock_, calls_, metrics_, streams_, DeadlineOf(*context, clock_));
}

grpc::ServerUnaryReactor* InferenceService::OpenSession(grpc::CallbackServerContext*,
                                                        const v1::OpenSessionRequest* request,
                                                        v1::OpenSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kOpenSession), response);
  calls_.Open(*request, /*detached=*/true, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::Step(grpc::CallbackServerContext* context,
                                                 const v1::StepRequest* request,
                                                 v1::StepResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kStep), response);
  const Engine::Burst burst;
  calls_.Step(*request, call->Limits(*context), call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::StepSessions(grpc::CallbackServerContext* context,
                                                         const v1::StepSessionsRequest* request,
                                                         v1::StepSessionsResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kStepSessions), response);
  const Engine::Burst burst;
  calls_.StepSessions(*request, call->Limits(*context), call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::AttachSession(grpc::CallbackServerContext*,
                                                          const v1::AttachSessionRequest* request,
                                                          v1::AttachSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kAttachSession), response);
  calls_.Attach(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::ForkSession(grpc::CallbackServerContext*,
                                                        const v1::ForkSessionRequest* request,
                                                        v1::ForkSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kForkSession), response);
  calls_.Fork(*request, /*detached=*/true, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::EvictSession(grpc::CallbackServerContext*,
                                                         const v1::EvictSessionRequest* request,
                                                         v1::EvictSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kEvictSession), response);
  calls_.Evict(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::ExportSession(grpc::CallbackServerContext*,
                                                          const v1::ExportSessionRequest* request,
                                                          v1::ExportSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kExportSession), response);
  calls_.Export(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::ImportSession(grpc::CallbackServerContext*,
                                                          const v1::ImportSessionRequest* request,
                                                          v1::ImportSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kImportSession), response);
  calls_.Import(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::CloseSession(grpc::CallbackServerContext*,
                                                         const v1::CloseSessionRequest* request,
                                                         v1::CloseSessionResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kCloseSession), response);
  calls_.Close(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::ResetState(grpc::CallbackServerContext*,
                                                       const v1::ResetStateRequest* request,
                                                       v1::ResetStateResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kResetState), response);
  calls_.Reset(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::GetState(grpc::CallbackServerContext*,
                                                     const v1::GetStateRequest* request,
                                                     v1::GetStateResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kGetState), response);
  calls_.GetState(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::SetState(grpc::CallbackServerContext*,
                                                     const v1::SetStateRequest* request,
                                                     v1::SetStateResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kSetState), response);
  calls_.SetState(*request, call->MakeReply());
  return call;
}

grpc::ServerUnaryReactor* InferenceService::ListSessions(grpc::CallbackServerContext*,
                                                         const v1::ListSessionsRequest* request,
                                                         v1::ListSessionsResponse* response) {
  auto* call = new UnaryCall(clock_, metrics_.ForMethod(Method::kListSessions), response);
  call->Complete(calls_.List(*request));
  return call;
}

}  // namespace rnnserve::server

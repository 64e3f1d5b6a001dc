// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/inference_service.h"

#include "rnnserve/v1/inference.grpc.pb.h"
#include "server/session_calls.h"
#include "server/stream_call.h"
#include "server/unary_call.h"

namespace rnnserve::server {
namespace {

// The handlers of the service. Each handler names the metrics of its call and the function that
// performs the call.
class InferenceService final : public v1::InferenceService::CallbackService {
 public:
  InferenceService(const Clock& clock, Engine& engine, Metrics& metrics, StreamRegistry& streams)
      : clock_(clock), calls_(clock, engine), metrics_(metrics), streams_(streams) {}

  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* context) override {
    return StreamCall::Start(clock_, calls_, metrics_, streams_, DeadlineOf(*context, clock_));
  }

  grpc::ServerUnaryReactor* Infer(grpc::CallbackServerContext* context,
                                  const v1::InferRequest* request,
                                  v1::InferResponse* response) override {
    return Start(Method::kInfer, &SessionCalls::Infer, *context, *request, response);
  }

  grpc::ServerUnaryReactor* OpenSession(grpc::CallbackServerContext*,
                                        const v1::OpenSessionRequest* request,
                                        v1::OpenSessionResponse* response) override {
    return Start(Method::kOpenSession, &SessionCalls::OpenDetached, *request, response);
  }

  grpc::ServerUnaryReactor* AttachSession(grpc::CallbackServerContext*,
                                          const v1::AttachSessionRequest* request,
                                          v1::AttachSessionResponse* response) override {
    return Start(Method::kAttachSession, &SessionCalls::Attach, *request, response);
  }

  grpc::ServerUnaryReactor* Step(grpc::CallbackServerContext* context,
                                 const v1::StepRequest* request,
                                 v1::StepResponse* response) override {
    const Engine::Burst burst;
    return Start(Method::kStep, &SessionCalls::Step, *context, *request, response);
  }

  grpc::ServerUnaryReactor* StepSessions(grpc::CallbackServerContext* context,
                                         const v1::StepSessionsRequest* request,
                                         v1::StepSessionsResponse* response) override {
    const Engine::Burst burst;
    return Start(Method::kStepSessions, &SessionCalls::StepSessions, *context, *request, response);
  }

  grpc::ServerUnaryReactor* ForkSession(grpc::CallbackServerContext*,
                                        const v1::ForkSessionRequest* request,
                                        v1::ForkSessionResponse* response) override {
    return Start(Method::kForkSession, &SessionCalls::ForkDetached, *request, response);
  }

  grpc::ServerUnaryReactor* ExportSession(grpc::CallbackServerContext*,
                                          const v1::ExportSessionRequest* request,
                                          v1::ExportSessionResponse* response) override {
    return Start(Method::kExportSession, &SessionCalls::Export, *request, response);
  }

  grpc::ServerUnaryReactor* ImportSession(grpc::CallbackServerContext*,
                                          const v1::ImportSessionRequest* request,
                                          v1::ImportSessionResponse* response) override {
    return Start(Method::kImportSession, &SessionCalls::Import, *request, response);
  }

  grpc::ServerUnaryReactor* EvictSession(grpc::CallbackServerContext*,
                                         const v1::EvictSessionRequest* request,
                                         v1::EvictSessionResponse* response) override {
    return Start(Method::kEvictSession, &SessionCalls::Evict, *request, response);
  }

  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext*,
                                         const v1::CloseSessionRequest* request,
                                         v1::CloseSessionResponse* response) override {
    return Start(Method::kCloseSession, &SessionCalls::Close, *request, response);
  }

  grpc::ServerUnaryReactor* ResetState(grpc::CallbackServerContext*,
                                       const v1::ResetStateRequest* request,
                                       v1::ResetStateResponse* response) override {
    return Start(Method::kResetState, &SessionCalls::Reset, *request, response);
  }

  grpc::ServerUnaryReactor* GetState(grpc::CallbackServerContext*,
                                     const v1::GetStateRequest* request,
                                     v1::GetStateResponse* response) override {
    return Start(Method::kGetState, &SessionCalls::GetState, *request, response);
  }

  grpc::ServerUnaryReactor* SetState(grpc::CallbackServerContext*,
                                     const v1::SetStateRequest* request,
                                     v1::SetStateResponse* response) override {
    return Start(Method::kSetState, &SessionCalls::SetState, *request, response);
  }

  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext*,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override {
    return Start(Method::kListSessions, &SessionCalls::List, *request, response);
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Start(Method method, SessionCalls::Call<Request, Response> function,
                                  const Request& request, Response* response) {
    auto* call = new UnaryCall(clock_, metrics_.ForMethod(method), response);
    (calls_.*function)(request, call->MakeReply());
    return call;
  }

  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Start(Method method,
                                  SessionCalls::LimitedCall<Request, Response> function,
                                  const grpc::CallbackServerContext& context,
                                  const Request& request, Response* response) {
    auto* call = new UnaryCall(clock_, metrics_.ForMethod(method), response);
    (calls_.*function)(request, call->Limits(context), call->MakeReply());
    return call;
  }

  const Clock& clock_;
  const SessionCalls calls_;
  Metrics& metrics_;
  StreamRegistry& streams_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeInferenceService(const Clock& clock, Engine& engine,
                                                    Metrics& metrics, StreamRegistry& streams) {
  return std::make_unique<InferenceService>(clock, engine, metrics, streams);
}

}  // namespace rnnserve::server

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_INFERENCE_SERVICE_H_
#define RNNSERVE_SERVER_INFERENCE_SERVICE_H_

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "rnnserve/v1/inference.grpc.pb.h"
#include "server/metrics.h"
#include "server/session_calls.h"
#include "server/stream_registry.h"

namespace rnnserve::server {

// rnnserve.v1.InferenceService over gRPC's callback API. Thread-safe. Everything it is given must
// outlive it and its calls.
class InferenceService final : public v1::InferenceService::CallbackService {
 public:
  InferenceService(const Clock& clock, Engine& engine, Metrics& metrics, StreamRegistry& streams);

  grpc::ServerUnaryReactor* Infer(grpc::CallbackServerContext* context,
                                  const v1::InferRequest* request,
                                  v1::InferResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamRequest, v1::StreamResponse>* Stream(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* OpenSession(grpc::CallbackServerContext* context,
                                        const v1::OpenSessionRequest* request,
                                        v1::OpenSessionResponse* response) override;
  grpc::ServerUnaryReactor* Step(grpc::CallbackServerContext* context,
                                 const v1::StepRequest* request,
                                 v1::StepResponse* response) override;
  grpc::ServerUnaryReactor* StepSessions(grpc::CallbackServerContext* context,
                                         const v1::StepSessionsRequest* request,
                                         v1::StepSessionsResponse* response) override;
  grpc::ServerUnaryReactor* EvictSession(grpc::CallbackServerContext* context,
                                         const v1::EvictSessionRequest* request,
                                         v1::EvictSessionResponse* response) override;
  grpc::ServerUnaryReactor* ForkSession(grpc::CallbackServerContext* context,
                                        const v1::ForkSessionRequest* request,
                                        v1::ForkSessionResponse* response) override;
  grpc::ServerUnaryReactor* AttachSession(grpc::CallbackServerContext* context,
                                          const v1::AttachSessionRequest* request,
                                          v1::AttachSessionResponse* response) override;
  grpc::ServerUnaryReactor* ExportSession(grpc::CallbackServerContext* context,
                                          const v1::ExportSessionRequest* request,
                                          v1::ExportSessionResponse* response) override;
  grpc::ServerUnaryReactor* ImportSession(grpc::CallbackServerContext* context,
                                          const v1::ImportSessionRequest* request,
                                          v1::ImportSessionResponse* response) override;
  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext* context,
                                         const v1::CloseSessionRequest* request,
                                         v1::CloseSessionResponse* response) override;
  grpc::ServerUnaryReactor* ResetState(grpc::CallbackServerContext* context,
                                       const v1::ResetStateRequest* request,
                                       v1::ResetStateResponse* response) override;
  grpc::ServerUnaryReactor* GetState(grpc::CallbackServerContext* context,
                                     const v1::GetStateRequest* request,
                                     v1::GetStateResponse* response) override;
  grpc::ServerUnaryReactor* SetState(grpc::CallbackServerContext* context,
                                     const v1::SetStateRequest* request,
                                     v1::SetStateResponse* response) override;
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override;

 private:
  const Clock& clock_;
  const SessionCalls calls_;
  Metrics& metrics_;
  StreamRegistry& streams_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_INFERENCE_SERVICE_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_MODEL_SERVICE_H_
#define RNNSERVE_SERVER_MODEL_SERVICE_H_

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "rnnserve/v1/model.grpc.pb.h"
#include "server/metrics.h"
#include "server/model_reloads.h"

namespace rnnserve::server {

// rnnserve.v1.ModelService over gRPC's callback API. Thread-safe. Everything it is given must
// outlive it and its calls.
class ModelService final : public v1::ModelService::CallbackService {
 public:
  ModelService(const Clock& clock, const Engine& engine, ModelReloads& reloads, Metrics& metrics)
      : clock_(clock), engine_(engine), reloads_(reloads), metrics_(metrics) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* DescribeModel(grpc::CallbackServerContext* context,
                                          const v1::DescribeModelRequest* request,
                                          v1::DescribeModelResponse* response) override;
  grpc::ServerUnaryReactor* ReloadModel(grpc::CallbackServerContext* context,
                                        const v1::ReloadModelRequest* request,
                                        v1::ReloadModelResponse* response) override;

 private:
  const Clock& clock_;
  const Engine& engine_;
  ModelReloads& reloads_;
  Metrics& metrics_;
};

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MODEL_SERVICE_H_

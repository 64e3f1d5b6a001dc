// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_MODEL_SERVICE_H_
#define RNNSERVE_SERVER_MODEL_SERVICE_H_

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/metrics.h"
#include "server/model_reloads.h"

namespace rnnserve::server {

// Makes rnnserve.v1.ModelService over gRPC's callback API. Thread-safe. The arguments must outlive
// the service and its calls.
std::unique_ptr<grpc::Service> MakeModelService(const Clock& clock, const Engine& engine,
                                                ModelReloads& reloads, Metrics& metrics);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_MODEL_SERVICE_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_SERVER_INFERENCE_SERVICE_H_
#define RNNSERVE_SERVER_INFERENCE_SERVICE_H_

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "core/base/clock.h"
#include "core/engine/engine.h"
#include "server/metrics.h"
#include "server/stream_registry.h"

namespace rnnserve::server {

// Makes rnnserve.v1.InferenceService over gRPC's callback API. Thread-safe. The arguments must
// outlive the service and its calls.
std::unique_ptr<grpc::Service> MakeInferenceService(const Clock& clock, Engine& engine,
                                                    Metrics& metrics, StreamRegistry& streams);

}  // namespace rnnserve::server

#endif  // RNNSERVE_SERVER_INFERENCE_SERVICE_H_

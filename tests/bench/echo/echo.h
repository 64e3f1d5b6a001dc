// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_ECHO_ECHO_H_
#define RNNSERVE_TESTS_BENCH_ECHO_ECHO_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <string>

#include "rnnserve/v1/inference.pb.h"
#include "rnnserve/v1/model.grpc.pb.h"

namespace rnnserve::testing {

// The replies of the echo server. Immutable; safe to share.
class Echo {
 public:
  explicit Echo(int64_t units) : units_(units) {}

  // Returns the result of each action: sessions open, steps return zeros, and all others succeed at
  // once.
  void Answer(const v1::StreamRequest& request, v1::StreamResponse& response) const;
  void Describe(v1::DescribeModelResponse& description) const;

 private:
  void Zeros(int64_t rows, v1::Tensor& output) const;

  const int64_t units_;
};

// Describes the only model.
class EchoModelService final : public v1::ModelService::CallbackService {
 public:
  explicit EchoModelService(const Echo& echo) : echo_(echo) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* DescribeModel(grpc::CallbackServerContext* context,
                                          const v1::DescribeModelRequest* request,
                                          v1::DescribeModelResponse* response) override;

 private:
  const Echo& echo_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_ECHO_ECHO_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/infer_calls.h"

#include <sys/random.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "server/input_codec.h"
#include "server/request_limits.h"
#include "server/state_codec.h"

namespace rnnserve::server {
namespace {

uint64_t RandomSeed() {
  uint64_t seed = 0;
  // getrandom(2): a request of up to 256 bytes is never cut short or interrupted.
  if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) std::abort();
  return seed;
}

// Returns the seed of a request with training, and nothing for one without.
absl::StatusOr<std::optional<uint64_t>> TrainingSeed(const v1::InferRequest& request) {
  if (request.training()) {
    return std::make_optional(request.has_seed() ? request.seed() : RandomSeed());
  }
  if (!request.has_seed()) return std::nullopt;
  return InvalidArgument("FIELD_CONFLICT",
                         absl::StrCat("seed is ", request.seed(), ", but training is false"));
}

}  // namespace

absl::StatusOr<InferCall> ToInferCall(const v1::InferRequest& request, CallLimits limits,
                                      TensorStorage& storage) {
  if (request.model().empty()) return FieldMissing("model");
  if (request.session_ids_size() > 0) return FieldUnsupported("session_ids");
  InferCall call;
  call.model = request.model();
  call.limits = std::move(limits);
  RNNSERVE_ASSIGN_OR_RETURN(call.priority, DecodePriority(request.priority()));
  call.return_state = request.return_state();
  RNNSERVE_ASSIGN_OR_RETURN(call.training_seed, TrainingSeed(request));
  RNNSERVE_ASSIGN_OR_RETURN(call.inputs, DecodeInputs(InputsOf(request), storage));
  RNNSERVE_ASSIGN_OR_RETURN(call.initial_state,
                            DecodeStates(request.initial_state(), "initial_state", storage));
  return call;
}

v1::InferResponse ToInferResponse(const v1::InferRequest& request, const InferResult& result) {
  const TensorEncoding encoding = EncodingOf(InputsOf(request));
  v1::InferResponse response;
  EncodeOutputs(result.outputs, encoding, response);
  EncodeStates(result.state, encoding, *response.mutable_state());
  if (result.training_seed.has_value()) response.set_seed(*result.training_seed);
  return response;
}

}  // namespace rnnserve::server

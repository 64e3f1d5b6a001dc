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
#include "server/request_limits.h"
#include "server/state_codec.h"

namespace rnnserve::server {
namespace {

absl::StatusOr<NamedInput> DecodeInput(const std::string& name, const v1::Tensor& tensor,
                                       const v1::Tensor* mask, TensorStorage& storage) {
  const std::string what = name.empty() ? "input" : absl::StrCat("input '", name, "'");
  NamedInput input;
  input.name = name;
  RNNSERVE_ASSIGN_OR_RETURN(input.tensor, DecodeTensor(tensor, what, storage));
  if (mask != nullptr) {
    RNNSERVE_ASSIGN_OR_RETURN(input.mask, DecodeTensor(*mask, "mask", storage));
  }
  return input;
}

// Decodes either `input` and `mask`, or `inputs`.
absl::StatusOr<std::vector<NamedInput>> DecodeInputs(const v1::InferRequest& request,
                                                     TensorStorage& storage) {
  std::vector<NamedInput> inputs;
  if (request.inputs().empty()) {
    if (!request.has_input()) return FieldMissing("input");
    RNNSERVE_ASSIGN_OR_RETURN(
        NamedInput input,
        DecodeInput("", request.input(), request.has_mask() ? &request.mask() : nullptr, storage));
    inputs.push_back(std::move(input));
    return inputs;
  }
  if (request.has_input() || request.has_mask()) {
    return InvalidArgument("FIELD_CONFLICT",
                           absl::StrCat("there are ", request.inputs_size(), " inputs by name and ",
                                        "also 'input' or 'mask'; give one or the other"));
  }
  for (int i = 0; i < request.inputs_size(); ++i) {
    const v1::NamedTensor& named = request.inputs(i);
    if (named.name().empty()) return FieldMissing(absl::StrCat("inputs[", i, "].name"));
    if (!named.has_tensor()) return FieldMissing(absl::StrCat("inputs[", i, "].tensor"));
    RNNSERVE_ASSIGN_OR_RETURN(NamedInput input,
                              DecodeInput(named.name(), named.tensor(),
                                          named.has_mask() ? &named.mask() : nullptr, storage));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

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
  RNNSERVE_ASSIGN_OR_RETURN(call.inputs, DecodeInputs(request, storage));
  RNNSERVE_ASSIGN_OR_RETURN(call.initial_state,
                            DecodeStates(request.initial_state(), "initial_state", storage));
  return call;
}

v1::InferResponse ToInferResponse(const v1::InferRequest& request, const InferResult& result) {
  const TensorEncoding encoding =
      EncodingOf(request.inputs().empty() ? request.input() : request.inputs(0).tensor());
  v1::InferResponse response;
  if (result.outputs.size() == 1) {
    const NamedOutput& output = result.outputs.front();
    EncodeTensor(output.shape, output.values, encoding, *response.mutable_output());
  } else {
    for (const NamedOutput& output : result.outputs) {
      v1::NamedTensor& named = *response.add_outputs();
      named.set_name(output.name);
      EncodeTensor(output.shape, output.values, encoding, *named.mutable_tensor());
    }
  }
  EncodeStates(result.state, encoding, *response.mutable_state());
  if (result.training_seed.has_value()) response.set_seed(*result.training_seed);
  return response;
}

}  // namespace rnnserve::server

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/input_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
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
    const std::string mask_name = name.empty() ? "mask" : absl::StrCat("mask of ", what);
    RNNSERVE_ASSIGN_OR_RETURN(input.mask, DecodeTensor(*mask, mask_name, storage));
  }
  return input;
}

}  // namespace

absl::StatusOr<NamedInputs> DecodeInputs(const RequestInputs& request, TensorStorage& storage) {
  NamedInputs inputs;
  if (request.inputs.empty()) {
    if (request.input == nullptr) return FieldMissing("input");
    RNNSERVE_ASSIGN_OR_RETURN(NamedInput input,
                              DecodeInput("", *request.input, request.mask, storage));
    inputs.push_back(std::move(input));
    return inputs;
  }
  if (request.input != nullptr || request.mask != nullptr) {
    return InvalidArgument(
        "FIELD_CONFLICT",
        absl::StrCat("there are ", request.inputs.size(),
                     " inputs by name and also 'input' or 'mask'; give one or ", "the other"));
  }
  inputs.reserve(static_cast<size_t>(request.inputs.size()));
  for (int i = 0; i < request.inputs.size(); ++i) {
    const v1::NamedTensor& named = request.inputs[i];
    if (named.name().empty()) return FieldMissing(absl::StrCat("inputs[", i, "].name"));
    if (!named.has_tensor()) return FieldMissing(absl::StrCat("inputs[", i, "].tensor"));
    RNNSERVE_ASSIGN_OR_RETURN(NamedInput input,
                              DecodeInput(named.name(), named.tensor(),
                                          named.has_mask() ? &named.mask() : nullptr, storage));
    inputs.push_back(std::move(input));
  }
  return inputs;
}

TensorEncoding EncodingOf(const RequestInputs& request) {
  return EncodingOf(request.inputs.empty() ? *request.input : request.inputs[0].tensor());
}

}  // namespace rnnserve::server

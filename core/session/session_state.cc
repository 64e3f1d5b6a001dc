// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/session_state.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve {
namespace {

std::string Describe(absl::string_view layer, absl::string_view name) {
  return absl::StrCat("state '", name, "' of layer '", layer, "'");
}

Shape WithBatch(const Shape& shape, std::optional<int64_t> batch) {
  if (!batch.has_value()) return shape;
  absl::InlinedVector<int64_t, 4> extents = {*batch};
  extents.insert(extents.end(), shape.extents().begin(), shape.extents().end());
  return Shape(absl::MakeConstSpan(extents));
}

// Returns the position of the tensor in the layout.
absl::StatusOr<size_t> FindTensor(const StateLayout& layout, const NamedState& state) {
  for (size_t i = 0; i < layout.tensors.size(); ++i) {
    const StateLayout::Tensor& tensor = layout.tensors[i];
    if (tensor.layer == state.layer && tensor.name == state.name) return i;
  }
  return InvalidArgument("STATE_UNKNOWN",
                         absl::StrCat("the model has no ", Describe(state.layer, state.name)));
}

absl::Status CheckState(const NamedState& state, const Shape& expected) {
  const std::string what = Describe(state.layer, state.name);
  if (state.value.dtype != DataType::kFloat32) {
    return InvalidArgument("STATE_DTYPE", absl::StrCat(what, ": ", DataTypeName(state.value.dtype),
                                                       ", but the model needs FLOAT32"));
  }
  if (!(state.value.shape == expected)) {
    return InvalidArgument("STATE_SHAPE",
                           absl::StrCat(what, ": shape ", state.value.shape.ToString(),
                                        ", but the model needs ", expected.ToString()));
  }
  return CheckLength(state.value, what);
}

// Returns an error unless every state of the model is given.
absl::Status CheckComplete(const StateLayout& layout, const std::vector<bool>& is_given) {
  const auto missing = std::find(is_given.begin(), is_given.end(), false);
  if (missing == is_given.end()) return absl::OkStatus();
  const auto& tensor = layout.tensors[static_cast<size_t>(missing - is_given.begin())];
  return InvalidArgument("STATE_MISSING",
                         absl::StrCat(Describe(tensor.layer, tensor.name), " is missing; ",
                                      std::count(is_given.begin(), is_given.end(), true), " of ",
                                      is_given.size(), " states are given"));
}

}  // namespace

SessionState::SessionState(const Model& model)
    : block_(AlignedBuffer::CopyFrom(model.initial_state())) {}

absl::StatusOr<SessionState> SessionState::FromTensors(const Model& model,
                                                       absl::Span<const NamedState> tensors,
                                                       std::optional<int64_t> batch, int64_t row) {
  const StateLayout& layout = model.state_layout();
  SessionState result(model);
  std::vector<bool> is_given(layout.tensors.size(), false);
  for (const NamedState& state : tensors) {
    RNNSERVE_ASSIGN_OR_RETURN(const size_t i, FindTensor(layout, state));
    const StateLayout::Tensor& tensor = layout.tensors[i];
    std::string what = Describe(state.layer, state.name);
    if (is_given[i]) return InvalidArgument("STATE_TWICE", absl::StrCat(what, " is given twice"));
    is_given[i] = true;
    RNNSERVE_RETURN_IF_ERROR(CheckState(state, WithBatch(tensor.shape, batch)));

    const size_t row_bytes = static_cast<size_t>(tensor.size) * sizeof(float);
    const absl::string_view bytes =
        state.value.bytes.substr(static_cast<size_t>(row) * row_bytes, row_bytes);
    if (batch.has_value()) absl::StrAppend(&what, ", row ", row);
    RNNSERVE_RETURN_IF_ERROR(CheckFinite({DataType::kFloat32, tensor.shape, bytes}, what));
    std::memcpy(result.block_.data() + tensor.offset, bytes.data(), bytes.size());
  }
  RNNSERVE_RETURN_IF_ERROR(CheckComplete(layout, is_given));
  model.OnStatesReplaced(result.block_.data());
  return result;
}

}  // namespace rnnserve

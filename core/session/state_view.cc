// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/state_view.h"

#include <algorithm>
#include <cstdlib>

namespace rnnserve {

std::vector<StateValue> StateTensors(const Model& model, absl::Span<const float> block) {
  std::vector<StateValue> values;
  values.reserve(model.state_layout().tensors.size());
  for (const StateLayout::Tensor& tensor : model.state_layout().tensors) {
    const float* begin = block.data() + tensor.offset;
    values.push_back({tensor.layer, tensor.name, tensor.shape, {begin, begin + tensor.size}});
  }
  return values;
}

void StateView::CopyFrom(absl::Span<const float> block) const {
  if (block.size() != block_.size()) std::abort();
  std::copy(block.begin(), block.end(), block_.begin());
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/workspace.h"

#include <algorithm>
#include <utility>

#include "core/base/shape.h"
#include "core/model/model.h"

namespace rnnserve {
namespace {

// One timestep of one row is a column of at most kUnitsMax floats (2^20). With as many of them as
// this, no size below overflows, whatever a layer multiplies it with.
constexpr int64_t kTimestepsMax = int64_t{1} << 32;

// What each layer reads and leaves: its values and whether they have the time axis.
struct LayerSizes {
  int64_t rows = 0;
  bool input_has_time = true;
  bool has_time = true;
};

std::vector<LayerSizes> SizesOf(const Model& model) {
  std::vector<LayerSizes> sizes;
  bool has_time = true;
  for (const auto& layer : model.layers()) {
    const bool input_has_time = has_time;
    has_time = has_time && layer->output().has_time;
    sizes.push_back({*layer->output_shape().NumElements(), input_has_time, has_time});
  }
  return sizes;
}

// All layers share one scratch: no two run at the same time.
int64_t ScratchSize(const Model& model, int64_t batch, int64_t time) {
  const std::vector<LayerSizes> sizes = SizesOf(model);
  int64_t scratch = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t layer_time = sizes[i].input_has_time ? time : 1;
    scratch = std::max(scratch, model.layers()[i]->scratch_size(batch, layer_time));
  }
  return scratch;
}

}  // namespace

Workspace::Workspace(const Model& model, int64_t max_batch, int64_t max_time)
    : max_batch_(max_batch),
      max_time_(max_time),
      input_rows_(model.input_size()),
      state_size_(model.state_layout().size),
      input_(DenseSequenceSize(input_rows_, max_batch, max_time)),
      states_(state_size_ * max_batch),
      scratch_(ScratchSize(model, max_batch, max_time)),
      mask_(static_cast<size_t>(max_batch * max_time), uint8_t{1}) {
  for (const LayerSizes& layer : SizesOf(model)) {
    const int64_t time = layer.has_time ? max_time : 1;
    Value value;
    value.rows = layer.rows;
    value.has_time = layer.has_time;
    value.floats = AlignedBuffer(DenseSequenceSize(layer.rows, max_batch, time));
    value.mask.resize(mask_.size());
    values_.push_back(std::move(value));
  }
}

std::optional<int64_t> Workspace::Bytes(const Model& model, int64_t max_batch, int64_t max_time) {
  const std::optional<int64_t> timesteps = CheckedMultiply(max_batch, max_time);
  if (!timesteps.has_value() || *timesteps > kTimestepsMax) return std::nullopt;
  int64_t floats = DenseSequenceSize(model.input_size(), max_batch, max_time) +
                   model.state_layout().size * max_batch + ScratchSize(model, max_batch, max_time);
  int64_t mask_bytes = *timesteps;
  for (const LayerSizes& layer : SizesOf(model)) {
    floats += DenseSequenceSize(layer.rows, max_batch, layer.has_time ? max_time : 1);
    mask_bytes += *timesteps;
  }
  return floats * static_cast<int64_t>(sizeof(float)) + mask_bytes;
}

Sequence Workspace::input(int64_t batch, int64_t time) {
  return DenseSequence(input_.data(), input_rows_, batch, time);
}

Columns Workspace::states(int64_t batch) {
  return {states_.data(), state_size_, batch, state_size_};
}

Sequence Workspace::value(size_t layer_index, int64_t batch, int64_t time) {
  Value& value = values_[layer_index];
  return DenseSequence(value.floats.data(), value.rows, batch, value.has_time ? time : 1);
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/workspace.h"

#include <algorithm>
#include <utility>

#include "core/base/shape.h"
#include "core/model/model.h"

// A workspace has no lock: one thread at a time uses it, the worker that runs the model, and
// nothing here waits. Other threads come in only through a team: a layer may hand pieces of a
// matrix product to it. Each piece takes no lock and writes rows of the result that no other piece
// touches. Team::Run returns only when all pieces are done and their results are visible to the
// worker. Between two such calls, and so in everything that this file does itself, only the worker
// reads and writes the buffers.

namespace rnnserve {
namespace {

// The maximum number of columns. One timestep of one row is a column of at most kUnitsMax floats
// (2^20). Up to this many columns, no size below overflows, whatever number a layer multiplies it
// by.
constexpr int64_t kTimestepsMax = int64_t{1} << 32;

struct Sizes {
  int64_t scratch = 0;              // floats; shared by all nodes, because only one runs at a time
  size_t more_inputs = 0;           // of the node that has the most
  size_t more_outputs = 0;          // the same
  std::vector<int64_t> mask_bytes;  // of each value
  int64_t passed_mask_bytes = 0;

  // Grows these sizes so that they are large enough for `other` too.
  void Include(const Sizes& other) {
    scratch = std::max(scratch, other.scratch);
    more_inputs = std::max(more_inputs, other.more_inputs);
    more_outputs = std::max(more_outputs, other.more_outputs);
    mask_bytes.resize(other.mask_bytes.size());
    for (size_t i = 0; i < mask_bytes.size(); ++i) {
      mask_bytes[i] = std::max(mask_bytes[i], other.mask_bytes[i]);
    }
    passed_mask_bytes = std::max(passed_mask_bytes, other.passed_mask_bytes);
  }
};

Sizes SizesOf(const Plan& plan, int64_t batch, absl::Span<const int64_t> times) {
  Sizes sizes;
  for (const int64_t time : times) sizes.mask_bytes.push_back(batch * time);
  for (const Plan::Node& node : plan.nodes) {
    const int64_t time = times[node.inputs.front()];
    sizes.scratch = std::max(sizes.scratch, node.layer->scratch_size(batch, time));
    sizes.more_inputs = std::max(sizes.more_inputs, node.inputs.size() - 1);
    sizes.more_outputs = std::max(sizes.more_outputs, node.layer->more_outputs().size());
    // A layer whose output has no time axis still writes its mask.
    for (const size_t input : node.inputs) {
      sizes.mask_bytes[node.output] = std::max(sizes.mask_bytes[node.output], batch * times[input]);
    }
    if (node.mask.has_value()) {
      sizes.passed_mask_bytes = std::max(sizes.passed_mask_bytes, batch * times[*node.mask]);
    }
  }
  return sizes;
}

}  // namespace

Workspace::Workspace(const Model& model, int64_t max_batch, absl::Span<const int64_t> max_times)
    : Workspace(model, {{max_batch, {max_times.begin(), max_times.end()}}}) {}

Workspace::Workspace(const Model& model, absl::Span<const Extent> extents)
    : model_(model),
      state_size_(model.state_layout().size),
      batch_(extents.front().batch),
      values_(model.plan().values.size()),
      times_(values_.size()) {
  int64_t max_batch = 0;
  Sizes sizes;
  std::vector<int64_t> floats(values_.size());
  for (const Extent& extent : extents) {
    SetTimes(extent.times);
    max_batch = std::max(max_batch, extent.batch);
    sizes.Include(SizesOf(model.plan(), extent.batch, times_));
    for (size_t i = 0; i < values_.size(); ++i) {
      values_[i].rows = model.plan().values[i].rows;
      floats[i] = std::max(floats[i], DenseSequenceSize(values_[i].rows, extent.batch, times_[i]));
    }
  }
  SetTimes(extents.front().times);
  states_ = AlignedBuffer(state_size_ * max_batch);
  begins_.assign(static_cast<size_t>(max_batch), 1);
  scratch_ = AlignedBuffer(sizes.scratch);
  more_x_.resize(sizes.more_inputs);
  more_masks_.resize(sizes.more_inputs);
  more_y_.resize(sizes.more_outputs);
  passed_mask_.resize(static_cast<size_t>(sizes.passed_mask_bytes));
  for (size_t i = 0; i < values_.size(); ++i) {
    values_[i].floats = AlignedBuffer(floats[i]);
    values_[i].mask_bytes.resize(static_cast<size_t>(sizes.mask_bytes[i]), uint8_t{1});
  }
}

std::optional<int64_t> Workspace::Bytes(const Model& model, int64_t max_batch,
                                        absl::Span<const int64_t> max_times) {
  const auto times = model.ValueTimes(max_times);
  if (!times.ok()) return std::nullopt;
  for (const int64_t time : *times) {
    const std::optional<int64_t> timesteps = CheckedMultiply(max_batch, time);
    if (!timesteps.has_value() || *timesteps > kTimestepsMax) return std::nullopt;
  }
  const Sizes sizes = SizesOf(model.plan(), max_batch, *times);
  int64_t floats = model.state_layout().size * max_batch + sizes.scratch;
  int64_t mask_bytes = sizes.passed_mask_bytes;
  for (size_t i = 0; i < times->size(); ++i) {
    floats += DenseSequenceSize(model.plan().values[i].rows, max_batch, (*times)[i]);
    mask_bytes += sizes.mask_bytes[i];
  }
  return floats * static_cast<int64_t>(sizeof(float)) + mask_bytes;
}

void Workspace::SetTimes(absl::Span<const int64_t> times) {
  std::copy(times.begin(), times.end(), times_.begin());
  model_.plan().PropagateTimes(absl::MakeSpan(times_));
}

void Workspace::UseMask(size_t i, bool uses_mask) {
  values_[i].mask = uses_mask ? Mask{mask(i), times_[i], 1} : Mask{};
}

void Workspace::RunNode(const Plan::Node& node) {
  const Layer& layer = *node.layer;
  const size_t first = node.inputs.front();
  LayerRun run;
  run.x = value(first);
  run.state = states().Rows(node.state_offset, layer.state_size());
  run.y = value(node.output);
  const size_t num_more_y = layer.more_outputs().size();
  for (size_t i = 0; i < num_more_y; ++i) more_y_[i] = value(node.output + 1 + i);
  run.more_y = {more_y_.data(), num_more_y};
  run.scratch = scratch_.data();
  run.team = team_;
  const size_t num_more = node.inputs.size() - 1;
  for (size_t i = 0; i < num_more; ++i) {
    more_x_[i] = value(node.inputs[i + 1]);
    more_masks_[i] = values_[node.inputs[i + 1]].mask;
  }
  run.more_x = {more_x_.data(), num_more};
  run.more_masks = {more_masks_.data(), num_more};

  // Keras passes on the mask of the input, even if another mask was given to the call.
  run.mask = values_[first].mask;
  Value& output = values_[node.output];
  output.mask = node.stops_mask ? Mask{} : layer.OutputMask(run, output.mask_bytes.data());
  for (size_t i = 0; i < num_more_y; ++i) values_[node.output + 1 + i].mask = output.mask;
  if (node.ignores_mask || node.mask.has_value()) {
    run.mask = node.mask.has_value() ? PassedMask(*node.mask) : Mask{};
    std::fill_n(more_masks_.begin(), num_more, Mask{});
  }

  const TrainingRun training = TrainingRun{row_seeds_}.Part(node.index);
  if (!row_seeds_.empty()) run.training = &training;
  if (!node.initial_state.empty()) BeginAtComputedStates(node, run.state);
  layer.Run(run);
  if (layer.returns_state()) ReturnStates(node, run.state);
}

Mask Workspace::PassedMask(size_t mask_value) {
  const ConstSequence bits = value(mask_value);
  for (int64_t b = 0; b < bits.batch; ++b) {
    for (int64_t t = 0; t < bits.time; ++t) {
      passed_mask_[static_cast<size_t>(b * bits.time + t)] = bits.At(t).column(b)[0] != 0.0f;
    }
  }
  return {passed_mask_.data(), bits.time, 1};
}

void Workspace::BeginAtComputedStates(const Plan::Node& node, Columns state) {
  for (int64_t b = 0; b < state.cols; ++b) {
    if (begins_[static_cast<size_t>(b)] == 0) continue;
    float* to = state.column(b);
    for (const size_t computed : node.initial_state) {
      const ConstColumns from = value(computed).At(0);
      std::copy_n(from.column(b), PaddedRows(from.rows), to);
      to += PaddedRows(from.rows);
    }
    node.layer->OnStatesReplaced(state.column(b));
  }
}

void Workspace::ReturnStates(const Plan::Node& node, ConstColumns state) {
  size_t index = Plan::FirstStateValue(node);
  int64_t offset = 0;
  for (size_t k = 0; k < node.layer->states().size(); ++k, ++index) {
    const Columns to = value(index).At(0);
    Copy(state.Rows(offset, to.rows), to);
    offset += PaddedRows(to.rows);
  }
}

}  // namespace rnnserve

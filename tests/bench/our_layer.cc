// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/bench/our_layer.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/layers/layer_registry.h"

namespace rnnserve::testing {
namespace {

std::unique_ptr<Layer> Build(const LayerTask& task, WeightType type) {
  nlohmann::json config = {{"name", "layer"}, {"units", task.shape().units}};
  if (task.kind().is_recurrent()) config["return_sequences"] = true;
  if (task.kind().class_name == "GRU") {
    config["reset_after"] = task.kind().peer_cell == PeerCell::kGruResetAfter;
  }
  const nlohmann::json object = {{"class_name", task.kind().class_name}, {"config", config}};
  const ValueSpec input = {Shape{task.shape().units}, /*has_time=*/true, std::nullopt};
  WeightMap weights = task.weights();
  weights.set_matrix_type(type);
  return LayerRegistry::BuiltIn()
      .Create(KerasConfig(object, "layer 'layer'"), input, weights)
      .value();
}

// Copies row b of `rows`, [batch, units], to column b.
void SetColumns(const float* rows, Columns columns) {
  for (int64_t b = 0; b < columns.cols; ++b) {
    std::copy_n(rows + b * columns.rows, columns.rows, columns.column(b));
  }
}

}  // namespace

OurLayer::OurLayer(const LayerTask& task, WeightType weights, Team* team)
    : layer_(Build(task, weights)) {
  const auto [units, batch, time] = task.shape();
  x_ = AlignedBuffer(DenseSequenceSize(units, batch, time));
  y_ = AlignedBuffer(DenseSequenceSize(units, batch, time));
  states_ = AlignedBuffer(layer_->state_size() * batch);
  scratch_ = AlignedBuffer(layer_->scratch_size(batch, time));
  const Sequence x = DenseSequence(x_.data(), units, batch, time);
  for (int64_t t = 0; t < time; ++t) SetColumns(task.x().data() + t * batch * units, x.At(t));
  run_.x = x;
  run_.y = DenseSequence(y_.data(), units, batch, time);
  run_.state = {states_.data(), layer_->state_size(), batch, layer_->state_size()};
  run_.scratch = scratch_.data();
  run_.team = team;
  const std::array<const std::vector<float>*, 2> states = {&task.h(), &task.c()};
  for (size_t k = 0; k < layer_->states().size(); ++k) {
    const int64_t offset = static_cast<int64_t>(k) * PaddedRows(units);
    SetColumns(states[k]->data(), run_.state.Rows(offset, units));
  }
}

std::vector<float> OurLayer::Output() const {
  std::vector<float> output;
  for (int64_t t = 0; t < run_.y.time; ++t) {
    for (int64_t b = 0; b < run_.y.batch; ++b) {
      const float* const column = run_.y.At(t).column(b);
      output.insert(output.end(), column, column + run_.y.rows);
    }
  }
  return output;
}

}  // namespace rnnserve::testing

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/model_input.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace rnnserve::client {
namespace {

static_assert(std::endian::native == std::endian::little,
              "raw tensors are copied without conversion");

// The size of a float and of an INT32 token id.
constexpr size_t kElementBytes = 4;
constexpr size_t kMaxStepBytes = size_t{64} << 20;
// How much input is generated beyond one step, so that steps differ.
constexpr size_t kSpareBytes = size_t{1} << 20;
constexpr size_t kMaxSpareTimesteps = 4096;

// Returns the number of ids of the model's first Embedding, or 1 if it has none.
int64_t NumTokens(const v1::DescribeModelResponse& model) {
  for (const v1::LayerSummary& layer : model.layers()) {
    if (layer.class_name() != "Embedding" || layer.output_shape_size() == 0) continue;
    const int64_t width = layer.output_shape(layer.output_shape_size() - 1);
    return width > 0 ? std::max<int64_t>(layer.num_parameters() / width, 1) : 1;
  }
  return 1;
}

}  // namespace

absl::StatusOr<ModelInput> ModelInput::Make(const v1::DescribeModelResponse& model,
                                            int64_t max_timesteps, uint64_t seed) {
  if (model.inputs_size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat("the model has ", model.inputs_size(),
                                                   " inputs; the load has steps with one"));
  }
  ModelInput input;
  input.dtype_ = model.input().dtype();
  input.shape_.assign(model.input().shape().begin(), model.input().shape().end());
  size_t num_elements = 1;
  for (int64_t extent : input.shape_) num_elements *= static_cast<size_t>(extent);
  input.timestep_bytes_ = num_elements * kElementBytes;
  const auto step_timesteps = static_cast<size_t>(max_timesteps);
  if (input.timestep_bytes_ > kMaxStepBytes / step_timesteps) {
    return absl::InvalidArgumentError(absl::StrCat("a step of ", max_timesteps, " timesteps of ",
                                                   input.timestep_bytes_, " bytes is larger than ",
                                                   kMaxStepBytes, " bytes"));
  }
  const size_t num_spare =
      std::min(kSpareBytes / std::max<size_t>(input.timestep_bytes_, 1), kMaxSpareTimesteps);
  input.num_timesteps_ = static_cast<int64_t>(step_timesteps + num_spare);
  input.raw_.resize((step_timesteps + num_spare) * input.timestep_bytes_);

  Random random(seed);
  const int64_t last_token = NumTokens(model) - 1;
  for (size_t at = 0; at < input.raw_.size(); at += kElementBytes) {
    const auto feature = static_cast<float>(2 * random.Uniform() - 1);
    const auto token =
        static_cast<int32_t>(random.Integer(std::min<int64_t>(last_token, 1), last_token));
    const bool is_feature = input.dtype_ == v1::DATA_TYPE_FLOAT32;
    if (is_feature) {
      std::memcpy(input.raw_.data() + at, &feature, kElementBytes);
    } else {
      std::memcpy(input.raw_.data() + at, &token, kElementBytes);
    }
  }
  return input;
}

void ModelInput::Fill(int64_t num_timesteps, Random& random, v1::Tensor* input) const {
  input->set_dtype(dtype_);
  input->clear_shape();
  input->mutable_shape()->Reserve(static_cast<int>(shape_.size()) + 1);
  input->add_shape(num_timesteps);
  for (int64_t extent : shape_) input->add_shape(extent);
  const absl::string_view picked = Pick(num_timesteps, random);
  input->set_raw(picked.data(), picked.size());
}

void ModelInput::AppendRow(int64_t num_timesteps, Random& random, v1::Tensor* rows) const {
  if (rows->shape_size() == 0) {
    rows->set_dtype(dtype_);
    rows->mutable_shape()->Reserve(static_cast<int>(shape_.size()) + 2);
    rows->add_shape(0);
    rows->add_shape(num_timesteps);
    for (int64_t extent : shape_) rows->add_shape(extent);
  }
  assert(rows->shape(1) == num_timesteps);
  rows->set_shape(0, rows->shape(0) + 1);
  const absl::string_view picked = Pick(num_timesteps, random);
  rows->mutable_raw()->append(picked.data(), picked.size());
}

absl::string_view ModelInput::Pick(int64_t num_timesteps, Random& random) const {
  const auto begin = static_cast<size_t>(random.Integer(0, num_timesteps_ - num_timesteps));
  return absl::string_view(raw_).substr(begin * timestep_bytes_,
                                        static_cast<size_t>(num_timesteps) * timestep_bytes_);
}

}  // namespace rnnserve::client

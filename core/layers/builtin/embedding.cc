// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer.h"
#include "core/layers/layer_config.h"
#include "core/layers/layer_registry.h"

namespace rnnserve {
namespace {

// keras.layers.Embedding, a token id -> [output_dim]:
//
//   y = embeddings[id]           embeddings [input_dim, output_dim]
//
// With mask_zero, timesteps with id 0 are masked; their output is still row 0. Without mask_zero
// the output has no mask, even if the request has one. Weights: "embeddings". Owns its weights.
// Immutable; safe to share.
//
// The caller checks that every id is in [0, num_tokens()). The output for any other id is all
// zeros.
class Embedding final : public Layer {
 public:
  // Ids are stored as float32, which represents every whole number up to this one exactly.
  static constexpr int64_t kMaxTokens = int64_t{1} << 24;

  // Errors: see LayerRegistry::Factory.
  static absl::StatusOr<std::unique_ptr<Layer>> Create(const LayerRegistry& registry,
                                                       const KerasConfig& config,
                                                       const ValueSpec& input,
                                                       WeightSource& weights);

  bool reads_token_ids() const override { return true; }
  int64_t num_tokens() const override { return input_dim_; }
  int64_t num_parameters() const override { return embeddings_.size(); }

  void Run(const LayerRun& run) const override;
  Mask OutputMask(const LayerRun& run, uint8_t* buffer) const override;

 private:
  Embedding(const KerasConfig& config, ValueSpec output, AlignedBuffer embeddings,
            int64_t output_dim, bool mask_zero);

  const AlignedBuffer embeddings_;
  const int64_t output_dim_;
  const int64_t input_dim_;
  const bool mask_zero_;
};

Embedding::Embedding(const KerasConfig& config, ValueSpec output, AlignedBuffer embeddings,
                     int64_t output_dim, bool mask_zero)
    : Layer(config, std::move(output)),
      embeddings_(std::move(embeddings)),
      output_dim_(output_dim),
      input_dim_(embeddings_.size() / output_dim),
      mask_zero_(mask_zero) {}

absl::StatusOr<std::unique_ptr<Layer>> Embedding::Create(const LayerRegistry& /*registry*/,
                                                         const KerasConfig& config,
                                                         const ValueSpec& input,
                                                         WeightSource& weights) {
  if (!input.has_time || input.shape.rank() != 0) {
    return config.Unsupported(absl::StrCat("an Embedding reads one token id a timestep, [batch, ",
                                           "time]; found timesteps of shape ",
                                           input.shape.ToString()));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t input_dim, config.PositiveInt("input_dim"));
  RNNSERVE_ASSIGN_OR_RETURN(const int64_t output_dim, config.PositiveInt("output_dim"));
  RNNSERVE_ASSIGN_OR_RETURN(const bool mask_zero, config.Bool("mask_zero", false));
  if (input_dim > kMaxTokens) {
    return config.Unsupported(absl::StrCat("input_dim ", input_dim, " is not supported; it may be ",
                                           "at most ", kMaxTokens));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const absl::Span<const float> embeddings,
                            weights.Weight("embeddings", Shape{input_dim, output_dim}));
  return absl::WrapUnique(new Embedding(config, input.WithShape({output_dim}),
                                        AlignedBuffer::CopyFrom(embeddings), output_dim,
                                        mask_zero));
}

void Embedding::Run(const LayerRun& run) const {
  for (int64_t t = 0; t < run.x.time; ++t) {
    const ConstColumns ids = run.x.At(t);
    const Columns y = run.y.At(t);
    for (int64_t b = 0; b < ids.cols; ++b) {
      const float id = ids.column(b)[0];
      y.padded(b).setZero();
      if (id >= 0.0f && id < static_cast<float>(input_dim_)) {
        const float* row = embeddings_.data() + static_cast<int64_t>(id) * output_dim_;
        std::copy_n(row, output_dim_, y.column(b));
      }
    }
  }
}

Mask Embedding::OutputMask(const LayerRun& run, uint8_t* buffer) const {
  if (!mask_zero_) return Mask{};
  const ConstSequence& x = run.x;
  for (int64_t b = 0; b < x.batch; ++b) {
    for (int64_t t = 0; t < x.time; ++t) {
      buffer[b * x.time + t] = x.At(t).column(b)[0] != 0.0f ? 1 : 0;
    }
  }
  return {buffer, x.time, 1};
}

}  // namespace

void RegisterEmbedding(LayerRegistry& registry) {
  registry.Register(
      "Embedding", Embedding::Create,
      {.variables = LayerVariables::Of({{"embeddings"}}), .keras2_mask = Keras2Mask::kNotZero});
}

}  // namespace rnnserve

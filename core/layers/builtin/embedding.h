// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_BUILTIN_EMBEDDING_H_
#define RNNSERVE_CORE_LAYERS_BUILTIN_EMBEDDING_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/base/aligned_buffer.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"
#include "core/layers/layer.h"

namespace rnnserve {

class LayerRegistry;

// keras.layers.Embedding, a token id -> [output_dim]:
//
//   y = embeddings[id]           embeddings [input_dim, output_dim]
//
// With mask_zero, timesteps with id 0 do not count (their output is row 0 all the same); without,
// the layer ends any mask that the request brought. Weights: "embeddings". Owns its weights.
// Immutable; safe to share.
//
// Who runs it has checked that every id is one of the num_tokens(). One that is not gives zeros.
class Embedding final : public Layer {
 public:
  // Ids are coded as float32, in which every whole number below this has its own value.
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

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_BUILTIN_EMBEDDING_H_

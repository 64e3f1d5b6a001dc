// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_LIMITS_H_
#define RNNSERVE_CORE_MODEL_LIMITS_H_

#include <cstdint>

namespace rnnserve {

// The limits of a model. A file that exceeds one is refused before anything of that size is
// allocated. FORMAT.md has the table for people who write bundles.

// A description of 256 layers as Keras writes it takes 0.5 MiB. Parsed JSON takes up to 40 times
// its length, so a hostile file takes at most 160 MiB.
constexpr int64_t kModelJsonBytesMax = int64_t{4} << 20;

// A model of stacked cells in a Bidirectional in a TimeDistributed is 14 levels deep.
constexpr int kJsonDepthMax = 64;

// The deepest recurrent models in use have some tens of layers. A workspace holds a value for each
// layer.
constexpr int64_t kLayersMax = 256;

// The width of a layer or of an input. An output over a vocabulary has about 100,000. With this
// limit no product of a width, a batch and a number of timesteps can overflow.
constexpr int64_t kUnitsMax = int64_t{1} << 20;

// Token ids are passed as floats, which represent every whole number up to this one exactly.
constexpr int64_t kTokensMax = int64_t{1} << 24;

// All weights of one model. They are in memory twice while a model is being loaded.
constexpr int64_t kWeightBytesMax = int64_t{4} << 30;

// The header of a weight file. For 256 layers it takes less than 0.3 MiB.
constexpr int64_t kWeightsHeaderBytesMax = int64_t{4} << 20;

// Names appear in errors, lists and labels.
constexpr int64_t kLayerNameBytesMax = 256;
constexpr int64_t kWeightNameBytesMax = 1024;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_LIMITS_H_

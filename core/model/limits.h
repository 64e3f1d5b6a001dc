// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_LIMITS_H_
#define RNNSERVE_CORE_MODEL_LIMITS_H_

#include <cstdint>

namespace rnnserve {

// What a model may ask for. A file beyond one of these is refused before anything of that size is
// allocated; FORMAT.md repeats the table for people who write bundles.

// A description of 256 layers, with everything that Keras notes beside them, takes 0.5 MiB; parsed,
// JSON takes up to 40 times its length, so that this one bounds a hostile file to 160 MiB.
constexpr int64_t kModelJsonBytesMax = int64_t{4} << 20;

// A model of stacked cells in a Bidirectional in a TimeDistributed is 14 levels deep.
constexpr int kJsonDepthMax = 64;

// The deepest recurrent models in use have some tens of layers. One workspace holds a value for
// each.
constexpr int64_t kLayersMax = 256;

// The width of a layer or of an input: an output over a vocabulary has some 100,000. The limit
// keeps every product of a width, a batch and a number of timesteps far from overflow.
constexpr int64_t kUnitsMax = int64_t{1} << 20;

// Token ids travel through layers as floats, which hold every whole number up to this one.
constexpr int64_t kTokensMax = int64_t{1} << 24;

// All weights of one model. While a model is loaded they are in memory twice.
constexpr int64_t kWeightBytesMax = int64_t{4} << 30;

// The table of contents of a weight file: 256 layers have under 0.3 MiB.
constexpr int64_t kWeightsHeaderBytesMax = int64_t{4} << 20;

// Names are shown in errors, lists and labels.
constexpr int64_t kLayerNameBytesMax = 256;
constexpr int64_t kWeightNameBytesMax = 1024;

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_LIMITS_H_

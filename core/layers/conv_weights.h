// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_LAYERS_CONV_WEIGHTS_H_
#define RNNSERVE_CORE_LAYERS_CONV_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/keras/keras_config.h"
#include "core/keras/weight_source.h"

namespace rnnserve {

// The weights of a Conv1D, DepthwiseConv1D or SeparableConv1D layer as those of a convolution
// without groups. A value type.
struct ConvWeights {
  // A kernel may take so much with the zeros between groups, which the weights do not have: 1 GiB.
  static constexpr int64_t kKernelElementsMax = int64_t{1} << 28;

  int64_t size = 0;      // steps of the kernel
  int64_t features = 0;  // of the input
  int64_t filters = 0;
  std::vector<float> kernel;  // row-major [size, features, filters]
  std::vector<float> bias;    // [filters], or empty
  int64_t num_parameters = 0;

  // Reads the class and its weights. Errors: INVALID_ARGUMENT, reason MODEL_CONFIG or
  // MODEL_WEIGHTS; UNIMPLEMENTED, reason OPTION_UNSUPPORTED, beyond kKernelElementsMax.
  static absl::StatusOr<ConvWeights> Read(const KerasConfig& config, int64_t features,
                                          WeightSource& weights);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_LAYERS_CONV_WEIGHTS_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_registry.h"
#include "core/layers/recurrent_layer.h"

namespace rnnserve {

void RegisterRecurrent(LayerRegistry& registry) {
  for (const char* name : {"RNN", "rnnserve>RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D",
                           "ConvLSTM2D", "ConvLSTM3D"}) {
    registry.RegisterMerge(name, RecurrentLayer::Create);
  }
}

}  // namespace rnnserve

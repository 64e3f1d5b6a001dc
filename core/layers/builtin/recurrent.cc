// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/layers/builtin/builtin_layers.h"
#include "core/layers/layer_registry.h"
#include "core/layers/recurrent_layer.h"

namespace rnnserve {

void RegisterRecurrent(LayerRegistry& registry) {
  // The layers whose configuration holds the options of their cell.
  struct LayerOfCell {
    const char* layer;
    const char* cell;
  };
  for (const auto& [layer, cell] :
       {LayerOfCell{"SimpleRNN", "SimpleRNNCell"}, LayerOfCell{"LSTM", "LSTMCell"},
        LayerOfCell{"GRU", "GRUCell"}, LayerOfCell{"ConvLSTM1D", "ConvLSTM1DCell"},
        LayerOfCell{"ConvLSTM2D", "ConvLSTM2DCell"}, LayerOfCell{"ConvLSTM3D", "ConvLSTM3DCell"}}) {
    registry.RegisterMerge(layer, RecurrentLayer::Create,
                           {.variables = LayerVariables::None(),
                            .keras2_mask = Keras2Mask::kWithSequences,
                            .cell = cell,
                            .takes_states = true,
                            .fits_bidirectional = true});
  }
  registry.RegisterMerge("RNN", RecurrentLayer::Create,
                         {.variables = LayerVariables::None(),
                          .keras2_mask = Keras2Mask::kWithSequences,
                          .parts = {{"cell", "cell", ""}},
                          .takes_states = true,
                          .fits_bidirectional = true});
  // A subclass of RNN that passes constants to its cell. RNN itself no longer does so in Keras 3. A
  // Bidirectional has no constants to pass to it.
  registry.RegisterMerge("rnnserve>RNN", RecurrentLayer::Create,
                         {.variables = LayerVariables::None(), .parts = {{"cell", "cell", ""}}});
}

}  // namespace rnnserve

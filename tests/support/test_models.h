// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_
#define RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_

#include <cstdint>
#include <memory>

#include "core/model/model.h"

// Small models for the tests of code that uses models.
namespace rnnserve::testing {

using ModelPtr = std::shared_ptr<const Model>;

// Layer 'sum', one feature, one state 'h', exact in floats:
//
//   h := 2 h + x,  y = h
//
// Any lost, repeated or reordered timestep changes the result: from 0, the inputs 1, 2, 3 give 1,
// 4, 11.
ModelPtr DoublingModel(bool return_sequences = true);

// Like DoublingModel, but y = hard_sigmoid(h), which stays finite when h overflows.
ModelPtr BoundedDoublingModel();

// Layers 'sum1' to 'sumN' for version N. Each is like the layer of DoublingModel, applied to the
// output of the previous layer, so that each version has states and a digest of its own:
//
//   h1 := 2 h1 + x,  h2 := 2 h2 + h1,  ...,  y = hN
//
// From 0, the inputs 1, 2, 3 give 1, 4, 11 in version 1, and 1, 6, 23 in version 2.
ModelPtr VersionModel(int version);

// A classifier of 2 features: Masking(-1), LSTM 'lstm' of 3 units, Dense softmax over 2 classes;
// one output after the last timestep. Its weights are random, but the same every time.
ModelPtr ClassifierModel();

// A forecaster of 2 features: GRU 'first' of 3 units, GRU 'second' of 20, Dense 1; an output for
// every timestep.
ModelPtr ForecasterModel();

// A forecaster of 2 features that is large enough for a team (scheduler_options.h): GRU 'gru' of
// 300 units, Dense 1; an output for every timestep.
ModelPtr LargeModel();

// A tagger of 5 token ids, 0 being masked: Embedding(5, 3), LSTM 'lstm' of 4 units, Dense 2; an
// output for every timestep.
ModelPtr TokenModel();

// GRU 'gru' of `units` units over as many features; an output for every timestep.
ModelPtr GruModel(int64_t units);

// Cannot stream: Bidirectional 'both' of GRUs of 3 units over 2 features, an output for every
// timestep.
ModelPtr BidirectionalModel();

// Random in training: LSTM 'lstm' of 8 units over 2 features with dropout, Dropout twice, Dense 3;
// an output for every timestep.
ModelPtr DropoutModel();

// Cannot be run with training: a BatchNormalization 'norm' of 2 features.
ModelPtr NormalizedModel();

// GRU 'first', GRU 'second', Dense 'dense', each with `units` inputs and outputs; an output for
// every timestep.
ModelPtr StackedGruModel(int64_t units);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_

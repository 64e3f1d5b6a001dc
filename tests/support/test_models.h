// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_
#define RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_

#include <cstdint>
#include <memory>

#include "core/model/model.h"

// Small models for tests of what is built on models.
namespace rnnserve::testing {

using ModelPtr = std::shared_ptr<const Model>;

// Layer 'sum', one feature, one state 'h', exact in floats:
//
//   h := 2 h + x,  y = h
//
// Every lost, repeated or reordered timestep shows: from 0, the inputs 1, 2, 3 give 1, 4, 11.
ModelPtr DoublingModel(bool return_sequences = true);

// The same, but y = hard_sigmoid(h), which is finite whatever becomes of h.
ModelPtr BoundedDoublingModel();

// Layers 'sum1' to 'sumN' for version N, each as that of DoublingModel on the output of the one
// before, so that each version has a state and a digest of its own:
//
//   h1 := 2 h1 + x,  h2 := 2 h2 + h1,  ...,  y = hN
//
// From 0, the inputs 1, 2, 3 give 1, 4, 11 in version 1, and 1, 6, 23 in version 2.
ModelPtr VersionModel(int version);

// A classifier of 2 features: Masking(-1), LSTM 'lstm' of 3 units, Dense softmax over 2 classes;
// one output after the last timestep. Random weights, the same every time.
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

// GRU 'gru' of so many units over as many features; an output for every timestep.
ModelPtr GruModel(int64_t units);

// Cannot stream: Bidirectional 'both' of GRUs of 3 units over 2 features, an output for every
// timestep.
ModelPtr BidirectionalModel();

// Random in training, of 2 features: LSTM 'lstm' of 8 units with dropout, Dropout twice, Dense 3;
// an output for every timestep.
ModelPtr DropoutModel();

// Cannot be run with training: a BatchNormalization 'norm' of 2 features.
ModelPtr NormalizedModel();

// As wide as its input everywhere: GRU 'first', GRU 'second', Dense 'dense'; an output for every
// timestep.
ModelPtr StackedGruModel(int64_t units);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_

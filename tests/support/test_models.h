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

// Returns a model with layer 'sum', one feature and one state 'h', exact in floats:
//
//   h := 2 h + x,  y = h
//
// Any lost, repeated or reordered timestep changes the result: from 0, the inputs 1, 2, 3 give 1,
// 4, 11.
ModelPtr DoublingModel(bool return_sequences = true);

// Returns a DoublingModel whose output is y = hard_sigmoid(h), which stays finite when h overflows.
ModelPtr BoundedDoublingModel();

// Returns version N of a model, with layers 'sum1' to 'sumN'. Each is like the layer of
// DoublingModel, applied to the output of the previous layer. Each version has states and a digest
// of its own:
//
//   h1 := 2 h1 + x,  h2 := 2 h2 + h1,  ...,  y = hN
//
// From 0, the inputs 1, 2, 3 give 1, 4, 11 in version 1, and 1, 6, 23 in version 2.
ModelPtr VersionModel(int version);

// Returns a classifier of 2 features: Masking(-1), LSTM 'lstm' of 3 units, Dense softmax over 2
// classes; one output after the last timestep. Its weights are random, but the same every time.
ModelPtr ClassifierModel();

// Returns a forecaster of 2 features: GRU 'first' of 3 units, GRU 'second' of 20, Dense 1; an
// output for every timestep.
ModelPtr ForecasterModel();

// Returns a forecaster of 2 features that is large enough for a team (scheduler_options.h): GRU
// 'gru' of 300 units, Dense 1; an output for every timestep.
ModelPtr LargeModel();

// Returns a tagger of 5 token ids, of which 0 is masked: Embedding(5, 3), LSTM 'lstm' of 4 units,
// Dense 2; an output for every timestep.
ModelPtr TokenModel();

// Returns a GRU 'gru' of `units` units over as many features; an output for every timestep.
ModelPtr GruModel(int64_t units);

// Returns a model that cannot stream: Bidirectional 'both' of GRUs of 3 units over 2 features; an
// output for every timestep.
ModelPtr BidirectionalModel();

// Returns a model that is random in training: LSTM 'lstm' of 8 units over 2 features with dropout,
// Dropout twice, Dense 3; an output for every timestep.
ModelPtr DropoutModel();

// Returns a model that cannot be run in training: a BatchNormalization 'norm' of 2 features.
ModelPtr NormalizedModel();

// Returns a model of three inputs and two outputs, exact in floats: the sequences 'a' and 'b' of one
// feature and the vector 'c' of one element; the outputs 'sum', for every timestep, and 'ten', after
// the last:
//
//   sum := 2 sum + a + b + c,  last := 2 last + a,  ten = 10 last
//
// The layers 'sum' and 'last' each have one state 'h'. From 0, the inputs a = 1, 2, b = 10, 20 and
// c = 100 give sum = 111, 344 and ten = 40.
ModelPtr PairModel();

// Returns a decoder as Keras users step it by hand: the sequence 'x' of one feature and the vector
// 'h', at which the layer 'rnn' begins; the outputs 'rnn', for every timestep, and 'rnn:1', its
// state after the last:
//
//   rnn := 2 rnn + x, from h in each step
ModelPtr DecoderModel();

// Returns a model of GRU 'first', GRU 'second' and Dense 'dense', each with `units` inputs and
// outputs; an output for every timestep.
ModelPtr StackedGruModel(int64_t units);

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_TEST_MODELS_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_SUPPORT_PROGRAM_TEXTS_H_
#define RNNSERVE_TESTS_SUPPORT_PROGRAM_TEXTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace rnnserve::testing {

// Cells as step programs, in their text form (core/program/read_program.h).

// Keras' SimpleRNN, its LSTM and its GRU with reset_after. The weights are kernel, recurrent_kernel
// and bias.
std::string SimpleRnnText(int64_t inputs, int64_t units);
std::string LstmText(int64_t inputs, int64_t units);
std::string GruText(int64_t inputs, int64_t units);

// Cells with a matrix as state. `heads` heads of [size, size] each; x has heads * size values.
std::string MlstmText(int64_t heads, int64_t size);          // xLSTM's, with a normalizer
std::string GatedDeltaNetText(int64_t heads, int64_t size);  // S' = g S + k (b (v - S k))
std::string Rwkv7Text(int64_t heads, int64_t size);
// Mamba's: h' = exp(dt A) h + dt B x, [channels, states].
std::string MambaText(int64_t channels, int64_t states);

// Returns all of these with small sizes, and their names.
std::vector<std::pair<std::string, std::string>> CellTexts();

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_SUPPORT_PROGRAM_TEXTS_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/step/payload_digest.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/base/sha256.h"

namespace rnnserve {
namespace {

// Every part carries its own length, so that different contents never give the same bytes.
void AddNumber(int64_t number, Sha256& hash) {
  std::array<char, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(number) >> (8 * i));
  }
  hash.Add({bytes.data(), bytes.size()});
}

void AddText(absl::string_view text, Sha256& hash) {
  AddNumber(static_cast<int64_t>(text.size()), hash);
  hash.Add(text);
}

void AddTensor(const TensorView& tensor, Sha256& hash) {
  AddNumber(static_cast<int64_t>(tensor.dtype), hash);
  AddNumber(static_cast<int64_t>(tensor.shape.rank()), hash);
  for (const int64_t extent : tensor.shape.extents()) AddNumber(extent, hash);
  AddText(tensor.bytes, hash);
}

}  // namespace

PayloadDigest DigestOfStep(absl::Span<const StepInput> inputs,
                           absl::Span<const NamedState> initial_state, bool return_state) {
  Sha256 hash;
  if (inputs.size() > 1) AddNumber(-static_cast<int64_t>(inputs.size()), hash);
  for (const StepInput& input : inputs) {
    AddTensor(input.tensor, hash);
    AddNumber(input.mask.has_value() ? 1 : 0, hash);
    if (input.mask.has_value()) AddTensor(*input.mask, hash);
  }
  AddNumber(static_cast<int64_t>(initial_state.size()), hash);
  for (const NamedState& state : initial_state) {
    AddText(state.layer, hash);
    AddText(state.name, hash);
    AddTensor(state.value, hash);
  }
  AddNumber(return_state ? 1 : 0, hash);
  const std::array<uint8_t, 32> bytes = hash.FinishBytes();
  PayloadDigest digest;
  std::copy_n(bytes.begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace rnnserve

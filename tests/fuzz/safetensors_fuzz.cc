// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Weight files: the input is one. What is read must be written and read back as the same.

#include <cstring>
#include <sstream>
#include <string>

#include "core/model/safetensors.h"
#include "tests/fuzz/fuzz_target.h"

namespace rnnserve::testing {
namespace {

absl::StatusOr<WeightTable> Read(const std::string& bytes) {
  std::istringstream file(bytes);
  return ReadSafetensors(file, static_cast<int64_t>(bytes.size()));
}

std::string Written(const WeightTable& weights) {
  std::ostringstream file;
  WriteSafetensors(weights, file);
  return file.str();
}

}  // namespace
}  // namespace rnnserve::testing

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace rnnserve::testing;  // NOLINT(google-build-using-namespace)
  const auto weights = Read(std::string(TextOf(data, size)));
  RequireReason(weights.status());
  if (!weights.ok()) return 0;
  const std::string written = Written(*weights);
  const auto again = Read(written);
  Require(again.ok(), again.status().ToString());
  Require(Written(*again) == written, "other weights after writing");
  return 0;
}

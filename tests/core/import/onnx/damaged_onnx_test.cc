// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Reads a few thousand randomly damaged files in the way in which the program reads files. Each must
// give a program or an error with a reason.

#include <gtest/gtest.h>

#include <random>

#include "core/base/error.h"
#include "core/import/confined_process.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/state_pairs.h"
#include "core/import/onnx/step_import.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

constexpr ProcessLimits kLimits = {uint64_t{1} << 30, 20};
constexpr int kNumFiles = 4000;

// Overwrites a few bytes or removes the end.
std::string Damage(std::string bytes, std::mt19937& random) {
  if (random() % 16 == 0) return bytes.substr(0, random() % bytes.size());
  for (size_t i = 0; i < 1 + random() % 8; ++i) {
    const char any = static_cast<char>(random());
    bytes[random() % bytes.size()] = random() % 4 == 0 ? '\xff' : any;
  }
  return bytes;
}

absl::Status TryToImport(const std::string& bytes) {
  const absl::StatusOr<OnnxModel> model = ReadOnnx(bytes, "");
  if (!model.ok()) return model.status();
  const auto states = PairStates(model->graph, {});
  if (!states.ok()) return states.status();
  return ImportStep(*model, {}, *states).status();
}

TEST(DamagedOnnxTest, EndsInAProgramOrInAnErrorWithAReason) {
  const std::string whole = Accumulator().SerializeAsString();
  std::mt19937 random(1);
  const absl::StatusOr<std::string> result =
      RunConfined(kLimits, [&]() -> absl::StatusOr<std::string> {
        for (int i = 0; i < kNumFiles; ++i) {
          const absl::Status status = TryToImport(Damage(whole, random));
          if (!status.ok() && ErrorReason(status).empty())
            return "no reason in file " + std::to_string(i);
        }
        return "all have reasons";
      });

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, "all have reasons");
}

}  // namespace
}  // namespace rnnserve::testing

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs every golden of this folder through everything between a `.keras` file and a result: the
// importer, the bundle and the model. The outputs and states must be those of Keras, and the bits
// must not depend on how batch and time are divided. Prints the largest error of each layer at the
// end.

#include <gtest/gtest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/golden/error_table.h"
#include "tests/golden/golden_case.h"
#include "tests/golden/model_runner.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ValuesIn;

std::string TestName(const ::testing::TestParamInfo<GoldenPath>& info) {
  return info.param.TestName();
}

class GoldenTest : public ::testing::TestWithParam<GoldenPath> {
 protected:
  static void TearDownTestSuite() { std::cout << '\n' << errors_ << '\n'; }

  // Loads the model and keeps it for the other cases of its folder.
  void SetUp() override {
    golden_ = ReadGoldenCase(GetParam());
    std::shared_ptr<const Model>& model = models_[GetParam().folder];
    if (model == nullptr) {
      auto loaded = ImportAndLoad(GetParam());
      ASSERT_THAT(loaded, IsOk());
      model = *std::move(loaded);
    }
    model_ = model;
  }

  // Returns Keras' values for each state of the model.
  std::vector<float> KerasStates(const StateLayout::Tensor& tensor) const {
    for (const GoldenState& state : golden_.states) {
      if (state.layer == tensor.layer && state.name == tensor.name) return state.value.values;
    }
    ADD_FAILURE() << "Keras has no state '" << tensor.name << "' of layer '" << tensor.layer << "'";
    return {};
  }

  static ErrorTable errors_;
  static std::map<std::string, std::shared_ptr<const Model>> models_;
  GoldenCase golden_;
  std::shared_ptr<const Model> model_;
};

ErrorTable GoldenTest::errors_;
std::map<std::string, std::shared_ptr<const Model>> GoldenTest::models_;

TEST_P(GoldenTest, HasTheOutputsAndStatesOfKeras) {
  const ModelResult result = RunWhole(*model_, golden_);

  Distance outputs;
  ASSERT_EQ(result.outputs.size(), golden_.outputs.size());
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    ASSERT_EQ(result.outputs[i].size(), golden_.outputs[i].values.size());
    outputs.Add(DistanceOf(result.outputs[i], golden_.outputs[i].values, golden_.tolerance));
  }
  Distance states;
  const auto& tensors = model_->state_layout().tensors;
  ASSERT_EQ(tensors.size(), golden_.states.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::vector<float> expected = KerasStates(tensors[i]);
    ASSERT_EQ(result.states[i].size(), expected.size());
    states.Add(DistanceOf(result.states[i], expected, golden_.tolerance));
  }
  errors_.Add(*model_, outputs, states);
  EXPECT_LE(outputs.of_allowed, 1.0) << "the outputs differ by up to " << outputs.largest;
  EXPECT_LE(states.of_allowed, 1.0) << "the states differ by up to " << states.largest;
}

TEST_P(GoldenTest, EachRowAloneHasTheBitsItHasInTheBatch) {
  const ModelResult whole = RunWhole(*model_, golden_);

  for (int64_t row = 0; row < golden_.batch(); ++row) {
    const ModelResult alone = RunRows(*model_, golden_, row, 1);
    EXPECT_TRUE(alone.SameBitsAs(whole.Row(row, golden_.batch()))) << "row " << row;
  }
}

// Returns ways to divide the timesteps of a case: one by one, and into random parts.
std::vector<std::vector<int64_t>> Cuts(int64_t time) {
  std::vector<std::vector<int64_t>> all = {std::vector<int64_t>(static_cast<size_t>(time), 1)};
  std::mt19937 random(20240501);
  for (int i = 0; i < 3; ++i) {
    std::vector<int64_t>& cuts = all.emplace_back();
    for (int64_t left = time; left > 0; left -= cuts.back()) {
      cuts.push_back(std::uniform_int_distribution<int64_t>(1, left)(random));
    }
  }
  return all;
}

// Returns the number of timesteps that all inputs with a time axis have; nullopt if it differs.
std::optional<int64_t> CommonTime(const Model& model, const GoldenCase& golden) {
  std::optional<int64_t> time;
  for (const Model::Input& expected : model.inputs()) {
    if (!expected.spec.has_time) continue;
    for (const GoldenInput& input : golden.inputs) {
      if (!input.name.empty() && input.name != expected.name) continue;
      const int64_t input_time = input.value.shape[1];
      if (input_time != time.value_or(input_time)) return std::nullopt;
      time = input_time;
    }
  }
  return time;
}

TEST_P(GoldenTest, AnyDivisionOfTheTimestepsGivesTheSameBits) {
  if (!model_->is_streamable()) GTEST_SKIP() << model_->non_streamable_reason();
  const std::optional<int64_t> time = CommonTime(*model_, golden_);
  if (!time.has_value()) GTEST_SKIP() << "the inputs have different numbers of timesteps";
  const ModelResult whole = RunWhole(*model_, golden_);

  for (const std::vector<int64_t>& cuts : Cuts(*time)) {
    const ModelResult result = RunInParts(*model_, golden_, cuts);
    EXPECT_TRUE(result.SameBitsAs(whole)) << "in parts of " << ::testing::PrintToString(cuts);
  }
}

INSTANTIATE_TEST_SUITE_P(, GoldenTest, ValuesIn(GoldenPaths("cases")), TestName);
INSTANTIATE_TEST_SUITE_P(Random, GoldenTest, ValuesIn(GoldenPaths("conformance")), TestName);

// Models that Keras can make and rnnserve cannot serve. The error must name the layer.
using UnsupportedTest = ::testing::TestWithParam<GoldenPath>;

TEST_P(UnsupportedTest, IsRefusedByName) {
  std::ifstream file(FilePath(GetParam(), GetParam().file));
  const std::string offender = nlohmann::json::parse(file).at("offender");

  EXPECT_THAT(ImportAndLoad(GetParam()),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr(offender)));
}

INSTANTIATE_TEST_SUITE_P(, UnsupportedTest, ValuesIn(GoldenPaths("unsupported")), TestName);

}  // namespace
}  // namespace rnnserve::testing

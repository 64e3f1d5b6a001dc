// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Imports and runs files that Keras 2.15 wrote (data/make_keras2.py). The expected numbers are
// those that Keras 2.15 computed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/import/keras_archive.h"
#include "core/import/keras_import.h"
#include "core/model/input_file.h"
#include "tests/core/model/keras_json.h"
#include "tests/golden/model_runner.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

const char* const kFolder = RNNSERVE_SOURCE_DIR "/tests/core/import/data/";

GoldenTensor ReadTensor(const Json& json) {
  return {Shape(json["shape"].get<std::vector<int64_t>>()), json["data"].get<std::vector<float>>()};
}

absl::StatusOr<Bundle> ImportFile(const std::string& path) {
  if (path.ends_with(".keras")) {
    const auto archive = ReadKerasArchive(path, KerasArchiveLimits());
    if (!archive.ok()) return archive.status();
    return ImportKeras(*archive, LayerRegistry::BuiltIn());
  }
  const auto hdf5 = ReadInputFile(path, int64_t{1} << 20);
  if (!hdf5.ok()) return hdf5.status();
  return ImportHdf5(*hdf5, LayerRegistry::BuiltIn());
}

class Keras2GoldenTest : public ::testing::TestWithParam<const char*> {};

TEST_P(Keras2GoldenTest, HasTheNumbersOfKeras2) {
  const std::string file = GetParam();
  const std::string json = kFolder + file.substr(0, file.find('.')) + ".json";
  const Json expected = Json::parse(ReadInputFile(json, int64_t{1} << 20).value());
  GoldenCase golden;
  for (const Json& input : expected["inputs"]) {
    golden.inputs.push_back({input["name"], ReadTensor(input), std::nullopt});
  }

  const auto bundle = ImportFile(kFolder + file);
  ASSERT_THAT(bundle, IsOk());
  const auto model = BuildModel(*bundle, LayerRegistry::BuiltIn());
  ASSERT_THAT(model, IsOk());
  const ModelResult result = RunWhole(**model, golden);

  ASSERT_EQ(result.outputs.size(), expected["outputs"].size());
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    EXPECT_THAT(result.outputs[i],
                Pointwise(FloatNear(2e-6f), ReadTensor(expected["outputs"][i]).values));
  }
}

INSTANTIATE_TEST_SUITE_P(, Keras2GoldenTest,
                         ::testing::Values("sequential.h5", "encoder_decoder.keras", "nested.h5"),
                         [](const auto& test) {
                           const std::string file = test.param;
                           return file.substr(0, file.find('.'));
                         });

}  // namespace
}  // namespace rnnserve::testing

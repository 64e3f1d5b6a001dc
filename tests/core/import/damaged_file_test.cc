// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads a few hundred randomly damaged files in the way in which the program reads files. Each must
// give a model or an error with a reason, whatever libhdf5 does with it.

#include <gtest/gtest.h>

#include <random>

#include "core/base/error.h"
#include "core/import/confined_process.h"
#include "core/import/keras_import.h"
#include "tests/core/import/hdf5_image.h"
#include "tests/core/model/keras_json.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

constexpr ProcessLimits kLimits = {uint64_t{1} << 30, 1};
constexpr int kNumFiles = 300;

// Returns a model of an InputLayer with 1 feature and a Dense layer with 1 unit.
KerasArchive SmallArchive() {
  Hdf5Image image;
  image.AddVariable("layers/dense/vars/0", {1, 1}, {5});
  image.SetOwner("layers/dense/vars", "dense");
  KerasArchive archive;
  archive.metadata = R"({"keras_version": "3.15.1"})";
  archive.config = SequentialJson({InputJson(1), LayerJson("Dense", "dense",
                                                           {{"units", 1}, {"use_bias", false}})})
                       .dump();
  archive.weights = image.Bytes();
  return archive;
}

// Overwrites a few bytes or removes the end.
std::string Damaged(std::string bytes, std::mt19937& random) {
  if (random() % 16 == 0) return bytes.substr(0, random() % bytes.size());
  for (size_t i = 0; i < 1 + random() % 8; ++i) {
    const char any = static_cast<char>(random());
    bytes[random() % bytes.size()] = random() % 4 == 0 ? '\xff' : any;
  }
  return bytes;
}

TEST(DamagedFileTest, EndsInAModelOrInAnErrorWithAReason) {
  const KerasArchive whole = SmallArchive();
  std::mt19937 random(1);
  int num_errors = 0;
  for (int i = 0; i < kNumFiles; ++i) {
    KerasArchive archive = whole;
    archive.weights = Damaged(whole.weights, random);
    const absl::StatusOr<std::string> result =
        RunConfined(kLimits, [&archive]() -> absl::StatusOr<std::string> {
          const auto bundle = ImportKeras(archive, LayerRegistry::BuiltIn());
          if (!bundle.ok()) return bundle.status();
          return "read";
        });
    if (result.ok()) continue;
    ++num_errors;
    EXPECT_NE(ErrorReason(result.status()), "") << "file " << i << ": " << result.status();
    EXPECT_NE(result.status().message(), "") << "file " << i;
  }
  EXPECT_GT(num_errors, kNumFiles / 10);
  EXPECT_LT(num_errors, kNumFiles);
}

}  // namespace
}  // namespace rnnserve::testing

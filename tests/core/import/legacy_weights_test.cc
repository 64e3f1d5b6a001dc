// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads HDF5 files in the older layout, with valid and invalid lists of names.

#include "core/import/legacy_weights.h"

#include <gtest/gtest.h>

#include "tests/core/import/hdf5_image.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

class LegacyWeightsTest : public ::testing::Test {
 protected:
  LegacyWeightsTest() {
    image_.AddGroup("w/in");
    image_.AddVariable("w/d/d/kernel:0", {1}, {1});
    image_.AddVariable("w/d/d/bias:0", {1}, {2});
    image_.SetStrings("w", "layer_names", {"in", "d"});
    image_.SetStrings("w/in", "weight_names", {});
    image_.SetStrings("w/d", "weight_names", {"d/kernel:0", "d/bias:0"});
  }

  absl::StatusOr<std::vector<LegacyLayer>> Read() {
    const std::string bytes = image_.Bytes();
    const auto file = Hdf5File::Open(bytes, "file.h5");
    if (!file.ok()) return file.status();
    return ReadLegacyWeights(**file, "w");
  }

  absl::StatusOr<WeightTable> Assign(const std::vector<LegacyVariables>& expected) {
    auto layers = Read();
    if (!layers.ok()) return layers.status();
    return AssignLegacyWeights(expected, *std::move(layers));
  }

  Hdf5Image image_;
};

TEST_F(LegacyWeightsTest, NamesTheWeightsByTheirOrder) {
  const auto weights = Assign({{"dense", {"dense/kernel", "dense/bias"}}});

  ASSERT_THAT(weights, IsOk());
  EXPECT_THAT(weights->at("dense/kernel").values.span(), ElementsAre(1));
  EXPECT_THAT(weights->at("dense/bias").values.span(), ElementsAre(2));
}

TEST_F(LegacyWeightsTest, JoinsAListThatWasSplit) {
  H5Adelete_by_name(image_.file(), "w", "layer_names", H5P_DEFAULT);
  image_.SetStrings("w", "layer_names0", {"in"});
  image_.SetStrings("w", "layer_names1", {"d"});

  const auto layers = Read();

  ASSERT_THAT(layers, IsOk());
  ASSERT_EQ(layers->size(), 1u);
  EXPECT_EQ(layers->front().name, "d");
}

TEST_F(LegacyWeightsTest, RefusesAListThatIsMissing) {
  H5Adelete_by_name(image_.file(), "w/d", "weight_names", H5P_DEFAULT);

  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("'w/d' has no attribute 'weight_names'"),
                               "MODEL_WEIGHTS"));
}

TEST_F(LegacyWeightsTest, RefusesNamesWithoutAGroupOrDataset) {
  image_.SetStrings("w", "layer_names2", {});
  H5Ldelete(image_.file(), "w/d/d/bias:0", H5P_DEFAULT);

  EXPECT_THAT(Read(), StatusIs(kInvalid, HasSubstr("'w/d/d/bias:0' is in 'weight_names'"),
                               "MODEL_WEIGHTS"));
}

TEST_F(LegacyWeightsTest, RefusesAnotherNumberOfLayersOrWeights) {
  EXPECT_THAT(Assign({}),
              StatusIs(kInvalid, HasSubstr("1 layers, the model has 0"), "MODEL_WEIGHTS"));
  EXPECT_THAT(Assign({{"dense", {"dense/kernel"}}}),
              StatusIs(kInvalid, HasSubstr("of 'd' are 2, not the 1 of the layer 'dense'"),
                       "MODEL_WEIGHTS"));
}

TEST_F(LegacyWeightsTest, RefusesWeightsInAnotherOrder) {
  EXPECT_THAT(
      Assign({{"dense", {"dense/bias", "dense/kernel"}}}),
      StatusIs(kInvalid, HasSubstr("'d/kernel:0' in the place of 'dense/bias'"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing

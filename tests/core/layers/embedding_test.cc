// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests Embedding with three tokens and two values for each.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/core/layers/layer_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

using ::testing::IsEmpty;

absl::StatusOr<std::unique_ptr<Layer>> BuildEmbedding(const Json& options,
                                                      const ValueSpec& input = TokenIds()) {
  Json config = {{"input_dim", 3}, {"output_dim", 2}};
  config.update(options);
  WeightMap weights;
  weights.Add("embeddings", {3, 2}, {1, 2, 3, 4, 5, 6});
  return Build(Object("Embedding", config), input, weights);
}

std::unique_ptr<Layer> EmbeddingLayer(const Json& options = Json::object()) {
  auto layer = BuildEmbedding(options);
  EXPECT_THAT(layer, IsOk());
  return *std::move(layer);
}

TEST(EmbeddingTest, LooksUpTheRowOfEachId) {
  const auto layer = EmbeddingLayer();

  EXPECT_EQ(RunLayer(*layer, Scalars({{2, 0}, {1, 1}})).y(),
            (Values{{{5, 6}, {1, 2}}, {{3, 4}, {3, 4}}}));
  EXPECT_TRUE(layer->reads_token_ids());
  EXPECT_EQ(layer->num_tokens(), 3);
  EXPECT_EQ(layer->num_parameters(), 6);
  EXPECT_EQ(layer->output_shape(), Shape({2}));
}

TEST(EmbeddingTest, MaskZeroMasksIdZeroAndStillLooksItUp) {
  const auto run = RunLayer(*EmbeddingLayer({{"mask_zero", true}}), Scalars({{2, 0, 1}}));

  EXPECT_EQ(run.output_mask(), (MaskBits{{1, 0, 1}}));
  EXPECT_EQ(run.y(), (Values{{{5, 6}, {1, 2}, {3, 4}}}));
}

TEST(EmbeddingTest, ReplacesOrEndsTheMaskOfTheInput) {
  const Values ids = Scalars({{2, 0}});

  EXPECT_EQ(RunLayer(*EmbeddingLayer({{"mask_zero", true}}), ids, {{0, 1}}).output_mask(),
            (MaskBits{{1, 0}}));
  EXPECT_THAT(RunLayer(*EmbeddingLayer(), ids, {{0, 1}}).output_mask(), IsEmpty());
}

TEST(EmbeddingTest, InvalidIdsGiveZeros) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

  EXPECT_EQ(RunLayer(*EmbeddingLayer(), Scalars({{3, -1, kNaN, 1e30f}})).y(),
            (Values{{{0, 0}, {0, 0}, {0, 0}, {0, 0}}}));
}

TEST(EmbeddingTest, LimitsTheNumberOfTokens) {
  EXPECT_THAT(BuildEmbedding({{"input_dim", (1 << 24) + 1}}),
              StatusIs(absl::StatusCode::kUnimplemented,
                       HasSubstr("layer 'layer': input_dim 16777217"), "OPTION_UNSUPPORTED"));
}

TEST(EmbeddingTest, ReadsOnlyTokenIds) {
  EXPECT_THAT(BuildEmbedding(Json::object(), Sequences(4)),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("[4]"), "OPTION_UNSUPPORTED"));
  EXPECT_THAT(
      BuildEmbedding(Json::object(), {Shape{}, false, std::nullopt}),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("layer 'layer'"), "OPTION_UNSUPPORTED"));
}

TEST(EmbeddingTest, RefusesWeightsOfAnotherShape) {
  EXPECT_THAT(BuildEmbedding({{"input_dim", 7}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("[7, 2]"), "MODEL_WEIGHTS"));
}

}  // namespace
}  // namespace rnnserve::testing

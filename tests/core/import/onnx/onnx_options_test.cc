// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The options of an ONNX import, from flags and from files.

#include "core/import/onnx/onnx_options.h"

#include <gtest/gtest.h>

#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

TEST(OnnxOptionsTest, FlagsAndFilesSayTheSame) {
  OnnxOptions flags;
  EXPECT_TRUE(AddOnnxFlag("set", "sr=16000", flags).ok());
  EXPECT_TRUE(AddOnnxFlag("shape", "input=1,576", flags).ok());
  EXPECT_TRUE(AddOnnxFlag("batch-axis", "table=none", flags).ok());
  EXPECT_TRUE(AddOnnxFlag("state", "h=hn", flags).ok());
  EXPECT_TRUE(AddOnnxFlag("state", "x=none", flags).ok());
  EXPECT_TRUE(AddOnnxFlag("overlap", "input=64", flags).ok());

  const auto file = ReadOnnxOptions(
      R"({"set": {"sr": 16000}, "shape": {"input": [1, 576]}, "batch_axis": {"table": null},
          "state": {"h": "hn", "x": null}, "overlap": {"input": 64}})",
      "folder");

  EXPECT_EQ(file->set, flags.set);
  EXPECT_EQ(file->shape, flags.shape);
  EXPECT_EQ(file->batch_axis, flags.batch_axis);
  EXPECT_EQ(file->state, flags.state);
  EXPECT_EQ(file->overlap, flags.overlap);
}

TEST(OnnxOptionsTest, PathsInAFileStartAtItsFolder) {
  const auto file =
      ReadOnnxOptions(R"({"initial_state": {"h": "h0.npy", "c": "zeros"}})", "folder");

  EXPECT_EQ(file->initial_state.at("h"), "folder/h0.npy");
  EXPECT_EQ(file->initial_state.at("c"), "zeros");
}

TEST(OnnxOptionsTest, RefusesUnknownKeysAndWrongValues) {
  EXPECT_THAT(ReadOnnxOptions(R"({"stat": {"h": "hn"}})", ""),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'stat'"));
  EXPECT_THAT(ReadOnnxOptions(R"({"overlap": {"x": -1}})", ""),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'overlap' of 'x'"));
  OnnxOptions options;
  EXPECT_THAT(AddOnnxFlag("set", "sr", options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "NAME=VALUE"));
  EXPECT_THAT(AddOnnxFlag("set", "sr=fast", options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "'sr'"));
}

}  // namespace
}  // namespace rnnserve::testing

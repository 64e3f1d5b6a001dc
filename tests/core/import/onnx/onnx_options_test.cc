// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// The options of an ONNX import, from flags and from files.

#include "core/import/onnx/onnx_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/core/import/onnx/onnx_file.h"
#include "tests/support/temporary_folder.h"

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

// Reads options that give the state "h" this file as its initial value.
absl::StatusOr<OnnxOptions> WithInitialState(const std::string& file, const std::string& folder) {
  return ReadOnnxOptions("{\"initial_state\": {\"h\": \"" + file + "\"}}", folder);
}

TEST(OnnxOptionsTest, RefusesPathsInAFileThatLeadOutOfItsFolder) {
  const TemporaryFolder folder;
  const std::string inside = folder.path().string() + "/model";
  std::filesystem::create_directories(inside + "/states");
  std::ofstream(folder.path().string() + "/h0.npy") << "secret";
  std::ofstream(inside + "/states/h0.npy") << "state";
  std::filesystem::create_symlink(folder.path(), inside + "/out");
  std::filesystem::create_symlink(folder.path().string() + "/h0.npy", inside + "/link.npy");
  std::filesystem::create_symlink("states/h0.npy", inside + "/inner.npy");

  EXPECT_TRUE(WithInitialState("states/h0.npy", inside).ok());
  EXPECT_TRUE(WithInitialState("inner.npy", inside).ok());
  const std::string paths[] = {"../h0.npy", "states/../../h0.npy", "", inside + "/states/h0.npy"};
  for (const std::string& path : paths) {
    EXPECT_THAT(WithInitialState(path, inside),
                IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                        "'initial_state' of 'h': '" + path + "' is not a path below"));
  }
  for (const std::string path : {"link.npy", "out/h0.npy"}) {
    EXPECT_THAT(WithInitialState(path, inside),
                IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG",
                        "'" + path + "' is a link out of the folder"));
  }
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

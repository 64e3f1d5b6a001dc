// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Runs the program as a server runs it, and tests the exit status, the line on stderr, and the
// files that it writes.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"
#include "tests/core/import/hdf5_image.h"
#include "tests/core/model/keras_json.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace fs = std::filesystem;

class RnnserveImportTest : public ::testing::Test {
 protected:
  // Runs the program; sets status_, out_ and err_.
  void Run(const std::string& arguments) {
    const ProcessOutcome outcome =
        RunShell(std::string(RNNSERVE_BIN_DIR) + "/rnnserve-import " + arguments);
    status_ = outcome.exit_code;
    out_ = outcome.out;
    err_ = outcome.err;
  }

  const std::string model_ =
      std::string(RNNSERVE_SOURCE_DIR) + "/client/demo/models/sunspots.keras";
  TemporaryFolder folder_;
  const std::string bundle_ = folder_.path() / "bundle";
  int status_ = -1;
  std::string out_;
  std::string err_;
};

TEST_F(RnnserveImportTest, WritesABundleThatCanBeServed) {
  Run(model_ + " " + bundle_);

  EXPECT_EQ(status_, 0) << err_;
  EXPECT_EQ(err_, "");
  const auto model = LoadBundle(bundle_, LayerRegistry::BuiltIn());
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(out_, HasSubstr((*model)->digest()));
}

TEST_F(RnnserveImportTest, WritesTheWeightTypeAndTheMaskRulesToTheBundle) {
  Run(model_ + " " + bundle_ + " --weight-type bfloat16 --mask-rules 'keras 3.16'");

  EXPECT_EQ(status_, 0) << err_;
  const auto model = LoadBundle(bundle_, LayerRegistry::BuiltIn());
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ((*model)->weight_type(), WeightType::kBfloat16);
  EXPECT_EQ(ReadBundle(bundle_)->mask_rules, MaskRules::kKeras316);
}

TEST_F(RnnserveImportTest, ReplacesABundleOnlyWithForce) {
  Run(model_ + " " + bundle_);
  Run(model_ + " " + bundle_);

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, HasSubstr(": MODEL_PATH: "));

  Run(model_ + " " + bundle_ + " --force");
  EXPECT_EQ(status_, 0) << err_;
}

TEST_F(RnnserveImportTest, ReportsAnErrorOnOneLineAndWritesNothing) {
  const std::string garbage = folder_.path() / "garbage.keras";
  std::ofstream(garbage) << "garbage";

  Run(garbage + " " + bundle_);

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, StartsWith("error: INVALID_ARGUMENT: MODEL_FORMAT: this is a text file"));
  EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1);
  EXPECT_FALSE(fs::exists(bundle_));
}

TEST_F(RnnserveImportTest, TellsTheWayForAFileOfAnotherFormat) {
  const std::string lite = folder_.path() / "renamed.keras";
  std::ofstream(lite, std::ios::binary) << std::string("\x1c\0\0\0TFL3\x14\0\x20\0", 12);

  Run(lite + " " + bundle_);

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, StartsWith("error: UNIMPLEMENTED: MODEL_FORMAT_UNSUPPORTED: this is a "
                               "TensorFlow Lite model; "));
  EXPECT_THAT(err_, HasSubstr("tf2onnx"));
}

TEST_F(RnnserveImportTest, TakesAConfigurationForWeightsOnly) {
  const std::string onnx = folder_.path() / "model.onnx";
  std::ofstream(onnx, std::ios::binary) << std::string("\x08\x08:\x02\n\0", 6);

  Run(onnx + " " + bundle_ + " --config " + onnx);

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, HasSubstr("--config is for weights in HDF5"));
}

TEST_F(RnnserveImportTest, TellsThatABundleIsServedAsItIs) {
  Run(model_ + " " + bundle_);

  Run(bundle_ + " " + bundle_ + "2");

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, HasSubstr("this is a bundle already"));
}

TEST_F(RnnserveImportTest, ReportsAMissingFile) {
  Run(folder_.path().string() + "/none.keras " + bundle_);

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, HasSubstr(": MODEL_PATH: "));
}

TEST_F(RnnserveImportTest, RefusesAWrongCommandLine) {
  Run(model_);
  EXPECT_EQ(status_, 2);

  Run(model_ + " " + bundle_ + " --no-such-option");
  EXPECT_EQ(status_, 2);
}

TEST_F(RnnserveImportTest, PrintsItsVersion) {
  Run("--version");

  EXPECT_EQ(status_, 0);
  EXPECT_THAT(out_, HasSubstr("."));
}

// Returns a file of weights with a free block of length 0 in its heap of strings, in which libhdf5
// 1.10 looks for the next block forever.
std::string WeightsThatNeverEnd() {
  Hdf5Image image;
  image.AddGroup("layers/gru/vars");
  image.SetOwner("layers/gru/vars", "gru");
  std::string bytes = image.Bytes();
  const size_t heap = bytes.find("GCOL");
  constexpr size_t kFirstBlock = 16;  // 2 bytes of index, 6 of other fields, 8 of length
  bytes.replace(heap + kFirstBlock, 16, 16, '\0');
  return bytes;
}

TEST_F(RnnserveImportTest, StopsAtTheCpuLimit) {
  const fs::path unpacked = folder_.path() / "unpacked";
  fs::create_directory(unpacked);
  std::ofstream(unpacked / "metadata.json") << R"({"keras_version": "3.15.1"})";
  std::ofstream(unpacked / "config.json")
      << SequentialJson({InputJson(1), LayerJson("GRU", "gru", {{"units", 1}})});
  std::ofstream(unpacked / "model.weights.h5", std::ios::binary) << WeightsThatNeverEnd();

  Run(unpacked.string() + " " + bundle_ + " --cpu-limit-s 1");

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, StartsWith("error: RESOURCE_EXHAUSTED: MODEL_TOO_LARGE: more than 1 s"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Under a sanitizer there is no memory limit, because sanitizers need terabytes of address space.
TEST_F(RnnserveImportTest, StaysWithinTheMemoryLimit) {
  const std::string large = folder_.path() / "large";
  fs::create_directory(large);
  for (const char* file : {"metadata.json", "config.json"})
    std::ofstream(fs::path(large) / file) << "{}";
  std::ofstream(fs::path(large) / "model.weights.h5").close();
  fs::resize_file(fs::path(large) / "model.weights.h5", 512 << 20);

  Run(large + " " + bundle_ + " --memory-limit-bytes 268435456");

  EXPECT_EQ(status_, 1);
  EXPECT_THAT(err_, StartsWith("error: RESOURCE_EXHAUSTED: MODEL_TOO_LARGE: "));
}
#endif

}  // namespace
}  // namespace rnnserve::testing

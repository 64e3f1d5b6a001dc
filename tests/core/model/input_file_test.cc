// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests paths of files, folders and pipes, and paths that do not exist.

#include "core/model/input_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::HasSubstr;

class InputFileTest : public ::testing::Test {
 protected:
  InputFileTest() : path_(folder_.path() / "file") { std::ofstream(path_) << "12345"; }

  TemporaryFolder folder_;
  std::string path_;
};

TEST_F(InputFileTest, HasSizeAndContent) {
  auto file = OpenInputFile(path_);

  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(file->size, 5);
  EXPECT_EQ(file->stream.get(), '1');
}

TEST_F(InputFileTest, ReadsAsManyBytesAsAllowedAndNoMore) {
  const auto content = ReadInputFile(path_, 5);

  ASSERT_THAT(content, IsOk());
  EXPECT_EQ(*content, "12345");
  EXPECT_THAT(ReadInputFile(path_, 4),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("5 bytes; at most 4"),
                       "MODEL_TOO_LARGE"));
}

TEST_F(InputFileTest, ReportsAMissingFile) {
  EXPECT_THAT(
      OpenInputFile(folder_.path() / "none"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("none' does not exist"), "MODEL_PATH"));
}

TEST_F(InputFileTest, RefusesAFolder) {
  EXPECT_THAT(OpenInputFile(folder_.path()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not a regular file"),
                       "MODEL_PATH"));
}

TEST_F(InputFileTest, RefusesAPipeInsteadOfWaitingForAWriter) {
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);

  EXPECT_THAT(OpenInputFile(pipe), StatusIs(absl::StatusCode::kFailedPrecondition,
                                            HasSubstr("not a regular file"), "MODEL_PATH"));
}

TEST_F(InputFileTest, RefusesAPathThroughAFile) {
  EXPECT_THAT(OpenInputFile(path_ + "/file"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace rnnserve::testing

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the .npy reader and writer with files that NumPy wrote (make_golden.py), and with broken
// ones.

#include "client/files/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/files/sequence_file.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::client {
namespace {

using ::rnnserve::testing::StatusIs;
using ::testing::HasSubstr;

std::string Golden(const std::string& name) {
  return ReadFile(absl::StrCat(RNNSERVE_SOURCE_DIR, "/tests/client/files/golden/", name, ".npy"))
      .value();
}

const Tensor& Float32() {
  static const Tensor tensor({2, 3}, std::vector<float>{1.5f, -0.25f, 3, 1e-30f, 65504, -7});
  return tensor;
}

TEST(NpyTest, ReadsEveryElementType) {
  EXPECT_EQ(ParseNpy(Golden("float32")).value(), Float32());
  EXPECT_EQ(ParseNpy(Golden("float64")).value(), Tensor({1, 2}, std::vector<float>{0.1f, -2}));
  EXPECT_EQ(ParseNpy(Golden("int32")).value(),
            Tensor({3}, std::vector<int32_t>{7, -8, 2147483647}));
  EXPECT_EQ(ParseNpy(Golden("int64")).value(),
            Tensor({1, 2}, std::vector<int64_t>{1, -(int64_t{1} << 40)}));
}

TEST(NpyTest, ReadsEveryRank) {
  EXPECT_EQ(ParseNpy(Golden("float32_3d")).value(),
            Tensor({2, 3, 2}, std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(ParseNpy(Golden("scalar")).value(), Tensor({}, std::vector<float>{2.5f}));
  EXPECT_EQ(ParseNpy(Golden("empty")).value(), Tensor({0, 3}, std::vector<float>{}));
}

TEST(NpyTest, ReadsEveryVersion) {
  EXPECT_EQ(ParseNpy(Golden("version_2")).value(), Float32());
  EXPECT_EQ(ParseNpy(Golden("version_3")).value(), Float32());
}

TEST(NpyTest, WritesTheBytesThatNumpyWrites) {
  EXPECT_EQ(FormatNpy(Float32()), Golden("float32"));
  EXPECT_EQ(FormatNpy(Tensor({3}, std::vector<int32_t>{7, -8, 2147483647})), Golden("int32"));
  EXPECT_EQ(FormatNpy(Tensor({1, 2}, std::vector<int64_t>{1, -(int64_t{1} << 40)})),
            Golden("int64"));
}

TEST(NpyTest, NamesWhatItCannotRead) {
  EXPECT_THAT(ParseNpy(Golden("fortran")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("ascontiguousarray")));
  EXPECT_THAT(ParseNpy(Golden("big_endian")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'>f4'")));
  EXPECT_THAT(ParseNpy(Golden("bool")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'|b1'")));
  EXPECT_THAT(ParseNpy(Golden("record")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("records")));
}

TEST(NpyTest, RefusesAFileCutOffAnywhere) {
  const std::string whole = Golden("float32");

  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpy(whole.substr(0, size)).ok()) << size << " bytes";
  }
}

TEST(NpyTest, RefusesBytesAfterTheElements) {
  EXPECT_THAT(ParseNpy(Golden("float32") + "more"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("28 bytes")));
  EXPECT_THAT(ParseNpy(Golden("empty") + "more"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4 bytes")));
}

TEST(NpyTest, RefusesAnUnknownVersion) {
  std::string bytes = Golden("float32");
  bytes[6] = 9;

  EXPECT_THAT(ParseNpy(bytes),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version is 9")));
}

// Returns a golden file with its shape replaced by one of the same text length, so that nothing
// else changes.
std::string WithShape(absl::string_view shape) {
  const std::string padded = absl::StrCat("'shape': ", shape, std::string(40 - shape.size(), ' '));
  return absl::StrReplaceAll(Golden("float32"),
                             {{absl::StrCat("'shape': (2, 3), }", std::string(31, ' ')), padded}});
}

TEST(NpyTest, RefusesShapesThatMakeNoSense) {
  ASSERT_EQ(ParseNpy(WithShape("(3, 2), }")).value().shape(), (std::vector<int64_t>{3, 2}));

  for (const char* shape :
       {"(2, -3), }", "(2, x), }", "2, }", "(2, 3", "(9223372036854775807, 8), }",
        "(99999999999999999999, 1), }", "(4, 3), }", "(2, 3, 0), }"}) {
    EXPECT_THAT(ParseNpy(WithShape(shape)), StatusIs(absl::StatusCode::kInvalidArgument)) << shape;
  }
}

}  // namespace
}  // namespace rnnserve::client

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads files that the tests write byte by byte, with one test for each way in which a file can be
// wrong. AddressSanitizer finds memory errors while they are read.

#include "core/model/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "core/model/limits.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Values;

std::string LengthBytes(uint64_t length) {
  std::string bytes(sizeof(length), '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes;
}

std::string FloatBytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string File(const std::string& header, const std::string& data) {
  return LengthBytes(header.size()) + header + data;
}

absl::StatusOr<WeightTable> Read(const std::string& bytes) {
  std::istringstream file(bytes);
  return ReadSafetensors(file, static_cast<int64_t>(bytes.size()));
}

// Returns a file of two tensors, "a" of shape [2] and "b" of shape [1, 1].
std::string TwoTensors() {
  return File(R"({"__metadata__":{"made":"by hand"},)"
              R"("b":{"dtype":"F32","shape":[1,1],"data_offsets":[8,12]},)"
              R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   )",
              FloatBytes({1, 2, 3}));
}

TEST(SafetensorsTest, ReadsTensorsInAnyOrderOfTheHeader) {
  const auto table = Read(TwoTensors());

  ASSERT_THAT(table, IsOk());
  ASSERT_EQ(table->size(), 2);
  EXPECT_EQ(table->at("a").shape, Shape({2}));
  EXPECT_THAT(table->at("a").values.span(), ElementsAre(1, 2));
  EXPECT_EQ(table->at("b").shape, Shape({1, 1}));
  EXPECT_THAT(table->at("b").values.span(), ElementsAre(3));
}

TEST(SafetensorsTest, ReadsTensorsWithoutElementsAndScalars) {
  const auto table = Read(File(R"({"none":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},)"
                               R"("one":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                               FloatBytes({5})));

  ASSERT_THAT(table, IsOk());
  EXPECT_EQ(table->at("none").shape, Shape({0, 3}));
  EXPECT_THAT(table->at("one").values.span(), ElementsAre(5));
}

TEST(SafetensorsTest, ReadsTheWeightsThatItWrote) {
  WeightTable table;
  table.emplace("z/kernel", Weight{{2, 1}, AlignedBuffer::CopyFrom({1.5f, -0.0f})});
  table.emplace("a", Weight{{0}, AlignedBuffer()});
  std::ostringstream file;

  WriteSafetensors(table, file);

  const auto read = Read(file.str());
  ASSERT_THAT(read, IsOk());
  ASSERT_EQ(read->size(), 2);
  EXPECT_EQ(read->at("z/kernel").shape, Shape({2, 1}));
  EXPECT_THAT(read->at("z/kernel").values.span(), ElementsAre(1.5f, -0.0f));
  EXPECT_EQ(read->at("a").shape, Shape({0}));
}

TEST(SafetensorsTest, WritesTheFirstTensorAtAMultipleOf64) {
  WeightTable table;
  table.emplace("kernel", Weight{{1}, AlignedBuffer::CopyFrom({1})});
  std::ostringstream file;

  WriteSafetensors(table, file);

  uint64_t header_length = 0;
  std::memcpy(&header_length, file.str().data(), sizeof(header_length));
  EXPECT_EQ((sizeof(header_length) + header_length) % 64, 0);
}

TEST(SafetensorsTest, RefusesATruncatedFile) {
  const std::string whole = TwoTensors();

  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(Read(whole.substr(0, size)), StatusIs(absl::StatusCode::kInvalidArgument,
                                                      HasSubstr("weights: "), "MODEL_WEIGHTS"))
        << "cut off after " << size;
  }
}

TEST(SafetensorsTest, RefusesAFileThatBecameShorter) {
  const std::string whole = TwoTensors();

  for (size_t size = 0; size < whole.size(); ++size) {
    std::istringstream file(whole.substr(0, size));
    EXPECT_THAT(ReadSafetensors(file, static_cast<int64_t>(whole.size())),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << "cut off after " << size;
  }
}

TEST(SafetensorsTest, SurvivesEveryFlippedByte) {
  const std::string whole = TwoTensors();

  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x5A);
    const auto read = Read(damaged);
    if (!read.ok()) {
      EXPECT_THAT(read.status().code(),
                  AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kUnimplemented));
    }
  }
}

TEST(SafetensorsTest, RefusesAHeaderThatIsTooLong) {
  const std::string header(static_cast<size_t>(kWeightsHeaderBytesMax) + 1, ' ');

  EXPECT_THAT(Read(File(header, "")), StatusIs(absl::StatusCode::kInvalidArgument,
                                               HasSubstr("at most 4194304"), "MODEL_TOO_LARGE"));
}

TEST(SafetensorsTest, RefusesAHeaderLongerThanTheFileWithoutAllocatingIt) {
  EXPECT_THAT(Read(LengthBytes(~uint64_t{0}) + "{}"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a header of 18446744073709551615 bytes in a file of 10"),
                       "MODEL_WEIGHTS"));
}

TEST(SafetensorsTest, RefusesMoreBytesThanTheLimitWithoutReadingThem) {
  std::istringstream file(File("{}", ""));

  EXPECT_THAT(
      ReadSafetensors(file, 10 + kWeightBytesMax + 1),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("4294967297"), "MODEL_TOO_LARGE"));
}

TEST(SafetensorsTest, NamesATensorOfAnotherType) {
  const std::string header = R"({"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})";

  EXPECT_THAT(Read(File(header, "1234")), StatusIs(absl::StatusCode::kUnimplemented,
                                                   HasSubstr("'x' is BF16"), "DTYPE_UNSUPPORTED"));
}

struct BadHeader {
  const char* name;
  std::string header;
  const char* text;
};

class SafetensorsBadHeaderTest : public ::testing::TestWithParam<BadHeader> {};

// Each header is followed by 8 bytes of tensors.
TEST_P(SafetensorsBadHeaderTest, IsRefused) {
  EXPECT_THAT(
      Read(File(GetParam().header, "12345678")),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().text), "MODEL_WEIGHTS"));
}

std::string OneTensor(const std::string& fields) { return R"({"x":{)" + fields + "}}"; }

INSTANTIATE_TEST_SUITE_P(
    , SafetensorsBadHeaderTest,
    Values(
        BadHeader{"Empty", "", "the header is not an object"},
        BadHeader{"SpaceInFront", " {}", "the header is not an object"},
        BadHeader{"Array", "[]", "the header is not an object"},
        BadHeader{"NotJson", "{x}", "not JSON at byte"},
        BadHeader{"KeyTwice", R"({"x":1,"x":2})", "'x' occurs twice"},
        BadHeader{"MetadataIsNoObject", R"({"__metadata__":[]})",
                  "'__metadata__' is not an object"},
        BadHeader{"MetadataHoldsANumber", R"({"__metadata__":{"a":1}})", "'__metadata__' is not"},
        BadHeader{"EmptyName", R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  "0 bytes"},
        BadHeader{"LongName",
                  R"({")" + std::string(1025, 'n') +
                      R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  "1025 bytes, not 1 to 1024"},
        BadHeader{"EntryIsNoObject", R"({"x":7})", "'x': not an object of"},
        BadHeader{"NoShape", OneTensor(R"("dtype":"F32","data_offsets":[0,8])"),
                  "not an object of"},
        BadHeader{"UnknownField",
                  OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"y":1)"),
                  "not an object of"},
        BadHeader{"UnknownType", OneTensor(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"),
                  "there is no dtype \"F31\""},
        BadHeader{"TypeIsNoString", OneTensor(R"("dtype":32,"shape":[2],"data_offsets":[0,8])"),
                  "there is no dtype 32"},
        BadHeader{"NegativeExtent", OneTensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"),
                  "'shape' is not a list of whole numbers"},
        BadHeader{"FractionalExtent",
                  OneTensor(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"),
                  "'shape' is not a list of whole numbers"},
        BadHeader{"ExtentBeyondInt64",
                  OneTensor(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])"),
                  "'shape' is not a list of whole numbers"},
        BadHeader{
            "ShapeOverflows",
            OneTensor(R"("dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,8])"),
            "does not take the 8 bytes"},
        BadHeader{"ShapeOverflowsInBytes",
                  OneTensor(R"("dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8])"),
                  "does not take the 8 bytes"},
        BadHeader{"ShapeIsSmaller", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,8])"),
                  "F32 of shape [1] does not take the 8 bytes it has"},
        BadHeader{"EndBeforeBegin", OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"),
                  "not a beginning and an end"},
        BadHeader{"ThreeOffsets", OneTensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4,8])"),
                  "not a beginning and an end"},
        BadHeader{"BeyondTheEnd", OneTensor(R"("dtype":"F32","shape":[4],"data_offsets":[0,16])"),
                  "the tensors take 16 bytes, but 8 follow the header"},
        BadHeader{"RestAtTheEnd", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"),
                  "the tensors take 4 bytes, but 8 follow the header"},
        BadHeader{"HoleInFront", OneTensor(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"),
                  "'x': begins at byte 4, but the one before ends at 0"},
        BadHeader{"Overlap",
                  R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                  "'y': begins at byte 4, but the one before ends at 8"},
        BadHeader{"SameBytesTwice",
                  R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                  R"("y":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                  "'y': begins at byte 0, but the one before ends at 8"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace rnnserve::testing

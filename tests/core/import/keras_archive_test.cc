// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Reads valid, damaged and hostile archives that the test writes byte by byte. AddressSanitizer
// finds memory errors while they are read.

#include "core/import/keras_archive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/core/import/zip_bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Values;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

const ZipEntry kMetadata = {.name = "metadata.json", .content = R"({"keras_version": "3.15.1"})"};
const ZipEntry kConfig = {.name = "config.json", .content = R"({"class_name": "Sequential"})"};

ZipEntry WeightsEntry() { return {.name = "model.weights.h5", .content = std::string(5000, 'w')}; }

class KerasArchiveTest : public ::testing::Test {
 protected:
  absl::StatusOr<KerasArchive> Read(const std::string& bytes) {
    const std::string path = folder_.path() / "model.keras";
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return ReadKerasArchive(path, limits_);
  }
  absl::StatusOr<KerasArchive> Read(const std::vector<ZipEntry>& entries) {
    return Read(ZipBytes(entries));
  }

  TemporaryFolder folder_;
  KerasArchiveLimits limits_;
};

TEST_F(KerasArchiveTest, ReadsStoredAndDeflatedFilesInAnyOrder) {
  ZipEntry weights = WeightsEntry();
  weights.content[17] = 'x';
  weights.is_deflated = true;

  const auto archive = Read({weights, kConfig, kMetadata});

  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ(archive->metadata, kMetadata.content);
  EXPECT_EQ(archive->config, kConfig.content);
  EXPECT_EQ(archive->weights, weights.content);
}

TEST_F(KerasArchiveTest, ReadsAnUnpackedFolder) {
  std::ofstream(folder_.path() / "metadata.json") << "{}";
  std::ofstream(folder_.path() / "config.json") << "[]";
  std::ofstream(folder_.path() / "model.weights.h5") << "h5";

  const auto archive = ReadKerasArchive(folder_.path(), limits_);

  ASSERT_THAT(archive, IsOk());
  EXPECT_EQ(archive->config, "[]");
  EXPECT_EQ(archive->weights, "h5");
}

TEST_F(KerasArchiveTest, NamesTheFileThatAFolderLacks) {
  std::ofstream(folder_.path() / "metadata.json") << "{}";

  EXPECT_THAT(ReadKerasArchive(folder_.path(), limits_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("config.json"), "MODEL_PATH"));
}

TEST_F(KerasArchiveTest, ReportsAMissingFile) {
  EXPECT_THAT(ReadKerasArchive(folder_.path() / "none.keras", limits_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none.keras"), "MODEL_PATH"));
}

TEST_F(KerasArchiveTest, RefusesAFileThatIsNotAZip) {
  EXPECT_THAT(Read(""), StatusIs(kInvalid, HasSubstr("not a .keras file"), "MODEL_FORMAT"));
  EXPECT_THAT(Read(std::string(4096, 'g')),
              StatusIs(kInvalid, HasSubstr("not a .keras file"), "MODEL_FORMAT"));
}

TEST_F(KerasArchiveTest, RefusesATruncatedFile) {
  const std::string whole = ZipBytes({kMetadata, kConfig, WeightsEntry()});

  for (size_t size = 0; size < whole.size(); size += 64) {
    EXPECT_THAT(Read(whole.substr(0, size)), StatusIs(kInvalid, HasSubstr(""), "MODEL_FORMAT"))
        << "cut off after " << size;
  }
  EXPECT_THAT(Read(whole.substr(0, whole.size() - 1)), StatusIs(kInvalid));
}

TEST_F(KerasArchiveTest, DetectsADamagedByteInTheContent) {
  const std::vector<ZipEntry> entries = {
      kMetadata, kConfig, {.name = "model.weights.h5", .content = "h5"}};
  const std::string whole = ZipBytes(entries);

  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x11);
    const auto archive = Read(damaged);
    if (!archive.ok()) continue;  // damage to times and versions is not detected, and harmless
    EXPECT_EQ(archive->config, kConfig.content) << "damaged at " << i;
    EXPECT_EQ(archive->metadata, kMetadata.content) << "damaged at " << i;
    EXPECT_EQ(archive->weights, "h5") << "damaged at " << i;
  }
}

TEST_F(KerasArchiveTest, RefusesAFileThatOccursTwice) {
  EXPECT_THAT(Read({kMetadata, kConfig, kConfig, WeightsEntry()}),
              StatusIs(kInvalid, HasSubstr("already exists"), "MODEL_FORMAT"));
}

TEST_F(KerasArchiveTest, NamesTheFileThatIsMissing) {
  EXPECT_THAT(Read({kMetadata, kConfig}),
              StatusIs(kInvalid, HasSubstr("'model.weights.h5' is missing"), "MODEL_FORMAT"));
}

TEST_F(KerasArchiveTest, RefusesAZipBombWithoutReadingIt) {
  ZipEntry bomb = {
      .name = "model.weights.h5", .content = std::string(4 << 20, '\0'), .is_deflated = true};

  EXPECT_THAT(Read({kMetadata, kConfig, bomb}),
              StatusIs(kInvalid, HasSubstr("more than 100 times as many"), "MODEL_TOO_LARGE"));
}

TEST_F(KerasArchiveTest, RefusesAZipBombThatHidesItsSize) {
  ZipEntry bomb = {
      .name = "model.weights.h5", .content = std::string(4 << 20, '\0'), .is_deflated = true};
  bomb.size = 4096;

  EXPECT_THAT(Read({kMetadata, kConfig, bomb}),
              StatusIs(kInvalid, HasSubstr("'model.weights.h5'"), "MODEL_FORMAT"));
}

TEST_F(KerasArchiveTest, RefusesMoreBytesThanTheLimitWithoutReadingThem) {
  limits_.weights_bytes_max = 4999;
  EXPECT_THAT(Read({kMetadata, kConfig, WeightsEntry()}),
              StatusIs(kInvalid, HasSubstr("'model.weights.h5': 5000 bytes; at most 4999"),
                       "MODEL_TOO_LARGE"));

  limits_.json_bytes_max = 10;
  EXPECT_THAT(Read({kConfig}), StatusIs(kInvalid, HasSubstr("at most 10"), "MODEL_TOO_LARGE"));
}

TEST_F(KerasArchiveTest, RefusesThousandsOfEntriesAtOnce) {
  std::vector<ZipEntry> entries = {kMetadata};
  for (int i = 0; i < 20000; ++i) entries.push_back({.name = std::to_string(i), .content = ""});

  EXPECT_THAT(Read(entries), StatusIs(kInvalid, HasSubstr("'0' does not belong there")));
}

TEST_F(KerasArchiveTest, IgnoresAssets) {
  EXPECT_THAT(Read({kMetadata, kConfig, WeightsEntry(), {.name = "assets/../../x"}}), IsOk());
}

TEST_F(KerasArchiveTest, ExplainsWhyPickledWeightsAreNotRead) {
  EXPECT_THAT(
      Read({kMetadata, kConfig, {.name = "model.weights.npz"}}),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("pickled"), "MODEL_UNSUPPORTED"));
}

class KerasArchiveNameTest : public KerasArchiveTest,
                             public ::testing::WithParamInterface<const char*> {};

TEST_P(KerasArchiveNameTest, IsRefusedInAnArchive) {
  EXPECT_THAT(Read({kMetadata, kConfig, WeightsEntry(), {.name = GetParam(), .content = "x"}}),
              StatusIs(kInvalid, HasSubstr("not a .keras file"), "MODEL_FORMAT"));
}

INSTANTIATE_TEST_SUITE_P(, KerasArchiveNameTest,
                         Values("../config.json", "/etc/passwd", "assets", "Config.json",
                                "config.json/", "./config.json", "", "C:\\config.json"));

struct BadEntry {
  const char* name;
  ZipEntry weights;
};

class KerasArchiveBadEntryTest : public KerasArchiveTest,
                                 public ::testing::WithParamInterface<BadEntry> {};

TEST_P(KerasArchiveBadEntryTest, IsRefused) {
  EXPECT_THAT(Read({kMetadata, kConfig, GetParam().weights}),
              StatusIs(kInvalid, HasSubstr("not a .keras file"), "MODEL_FORMAT"));
}

ZipEntry With(ZipEntry changed) {
  changed.name = "model.weights.h5";
  changed.content = "weights";
  return changed;
}

INSTANTIATE_TEST_SUITE_P(
    , KerasArchiveBadEntryTest,
    Values(BadEntry{"WrongChecksum", With({.crc = 0x12345678})},
           BadEntry{"LargerThanStored", With({.size = 9})},
           BadEntry{"SmallerThanStored", With({.size = 5})},
           BadEntry{"UnknownMethod", With({.method = 99})}, BadEntry{"Bzip2", With({.method = 12})},
           BadEntry{"StoredBytesCalledDeflated", With({.method = 8})},
           BadEntry{"Encrypted", With({.flags = 1})},
           BadEntry{"AnotherNameInTheLocalHeader", With({.local_name = "model.weights.xx"})}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace rnnserve::testing

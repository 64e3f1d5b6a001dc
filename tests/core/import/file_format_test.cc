// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tells the formats of files that other programs wrote, whatever their names are. The files are the
// first bytes of real ones, or what Python's zipfile and pickle make in the layout of the real ones.

#include "core/import/file_format.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "core/import/file_signature.h"
#include "tests/core/import/zip_bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ValuesIn;

namespace fs = std::filesystem;

constexpr auto kUnsupported = absl::StatusCode::kUnimplemented;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

// Returns the bytes of a literal, which may hold NUL bytes.
template <size_t N>
std::string Bytes(const char (&literal)[N]) {
  return std::string(literal, N - 1);
}

std::string ZipOf(const std::vector<std::string>& names) {
  std::vector<ZipEntry> entries;
  for (const std::string& name : names) entries.push_back({.name = name, .content = "x"});
  return ZipBytes(entries);
}

// Returns a tar archive of one empty file.
std::string TarBytes() {
  std::string header(1024, '\0');
  header.replace(0, 11, "model.keras");
  header.replace(257, 5, "ustar");
  return header;
}

struct Sample {
  const char* name;
  std::string bytes;
  FileFormat format;
};

// A pickle of protocol 4 of a dict, as Python's pickle writes it.
const std::string kPickled = Bytes("\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94\x8c\x01w\x94K\x01s.");
// The output of pickle.dumps(Point(), 0) for a class in a script.
const std::string kOldPickle =
    "ccopy_reg\n_reconstructor\np0\n(c__main__\nPoint\np1\nc__builtin__\n";
// The beginning of a model that PyTorch exported: ir_version, producer, version, graph.
const std::string kOnnx = Bytes(
    "\x08\x08\x12\x07pytorch\x1a\x05"
    "2.4.0:\xd4\x03\n=\n\x01x\x12\x01h");
const std::string kSavedModel = Bytes("\x08\x01\x12\x09\n\x07\"\x05serve");

std::vector<Sample> Samples() {
  return {
      {"Keras", ZipOf({"metadata.json", "config.json", "model.weights.h5"}), FileFormat::kKeras},
      {"KerasWithPickledWeights", ZipOf({"metadata.json", "config.json", "model.weights.npz"}),
       FileFormat::kKeras},
      {"Hdf5", Bytes("\x89HDF\r\n\x1a\n\0\0\0\0"), FileFormat::kHdf5},
      {"OnnxOfPyTorch", kOnnx, FileFormat::kOnnx},
      // Written by onnxruntime's tools: domain, model_version and doc_string precede the graph.
      {"OnnxOfTensorFlow",
       Bytes("\x08\x06\x12\x0bOnnxMLTools\x1a\x05"
             "1.7.0\"\x16onnxconverter-common..(\0"
             "2\0:\x02\n\0"),
       FileFormat::kOnnx},
      {"OnnxWithItsOpsetsFirst",
       Bytes("\x08\x08"
             "B\x04\n\0\x10\x11:\x02\n\0"),
       FileFormat::kOnnx},
      {"TorchSave", ZipOf({"m/data.pkl", "m/byteorder", "m/data/0", "m/version"}),
       FileFormat::kTorchPickle},
      {"TorchSaveBeforeZip", Bytes("\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
       FileFormat::kTorchPickle},
      {"TorchScript",
       ZipOf({"m/data/0", "m/data.pkl", "m/code/__torch__/m.py", "m/constants.pkl", "m/version"}),
       FileFormat::kTorchScript},
      {"TorchExport", ZipOf({"m/archive_format", "m/models/model.json", "m/version"}),
       FileFormat::kTorchExported},
      {"TorchExportOfPyTorch22",
       ZipOf({"serialized_exported_program.json", "serialized_state_dict.json", "version"}),
       FileFormat::kTorchExported},
      {"ExecuTorch", Bytes("\x30\0\0\0ET12\0\0"), FileFormat::kExecuTorch},
      {"SavedModel", kSavedModel, FileFormat::kSavedModel},
      {"TensorFlowGraph",
       Bytes("\n\x19\n\x01x\x12\x0bPlaceholder*\x07\n\x05"
             "dtype"),
       FileFormat::kTensorFlowGraph},
      {"TensorFlowJs", R"({"format": "layers-model", "modelTopology": {}})",
       FileFormat::kTensorFlowJs},
      {"TfLite", Bytes("\x1c\0\0\0TFL3\x14\0\x20\0"), FileFormat::kTfLite},
      {"OnnxRuntime", Bytes("\x30\0\0\0ORTM\0\0"), FileFormat::kOnnxRuntime},
      {"OpenVino", "<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">\n",
       FileFormat::kOpenVino},
      {"CoreMl", Bytes("\x08\x04\x12\x06\n\x04\n\x02xy\xa2\x1f\x02\n\0"), FileFormat::kCoreMl},
      {"CoreMlPackage", ZipOf({"m.mlpackage/Data/com.apple.CoreML/model.mlmodel"}),
       FileFormat::kCoreMl},
      {"Gguf", Bytes("GGUF\x03\0\0\0"), FileFormat::kGguf},
      {"Ggml", Bytes("lmgg\x01\0\0\0"), FileFormat::kGguf},
      {"Pickle", kPickled, FileFormat::kPickle},
      {"PickleOfProtocol0", kOldPickle, FileFormat::kPickle},
      {"PickledDictOfProtocol0", "(dp0\nVw\np1\n", FileFormat::kPickle},
      {"Npy", Bytes("\x93NUMPY\x01\0v\0{'descr': '<f4'"), FileFormat::kNumpy},
      {"Npz", ZipOf({"kernel.npy", "bias.npy"}), FileFormat::kNumpy},
      {"Safetensors", Bytes("\x02\0\0\0\0\0\0\0{}"), FileFormat::kSafetensors},
      {"Gzip", Bytes("\x1f\x8b\x08\0"), FileFormat::kCompressed},
      {"JoblibWithZlib", Bytes("\x78\x5e\x6b\x60\0\0"), FileFormat::kCompressed},
      {"Tar", TarBytes(), FileFormat::kTar},
      {"ZipOfAFolder", ZipOf({"model/saved_model.pb", "model/variables/variables.index"}),
       FileFormat::kOtherZip},
      {"ZipWithArraysAndMore", ZipOf({"kernel.npy", "readme.txt"}), FileFormat::kOtherZip},
      {"ZipWithoutEntries", ZipOf({}), FileFormat::kOtherZip},
      {"ZipThatIsCutOff", ZipOf({"metadata.json", "config.json"}).substr(0, 60),
       FileFormat::kDamagedZip},
      {"Empty", "", FileFormat::kEmpty},
      {"GitLfsPointer", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
       FileFormat::kGitLfsPointer},
      {"Html", "\n<!DOCTYPE html>\n<title>Not found</title>", FileFormat::kHtml},
      {"Json", "\xef\xbb\xbf {\"class_name\": \"Sequential\"}", FileFormat::kJson},
      {"Text", "this is no model", FileFormat::kText},
      {"Random", Bytes("\x07\x01\0\xff\xfe\0\x9c"), FileFormat::kUnknown},
      {"ProtobufOfSomethingElse", Bytes("\x08\x01\x10\x02\x1a\x02hi"), FileFormat::kUnknown},
  };
}

class FileFormatTest : public ::testing::TestWithParam<Sample> {};

TEST_P(FileFormatTest, IsToldByTheContent) {
  const TemporaryFolder folder;
  // The name is that of another format.
  const std::string path = folder.path() / "model.bin";
  std::ofstream(path, std::ios::binary) << GetParam().bytes;

  const auto format = DetectFileFormat(path);

  ASSERT_THAT(format, IsOk());
  EXPECT_EQ(static_cast<int>(*format), static_cast<int>(GetParam().format));
}

INSTANTIATE_TEST_SUITE_P(, FileFormatTest, ValuesIn(Samples()),
                         [](const auto& tested) { return std::string(tested.param.name); });

struct FolderSample {
  const char* name;
  std::vector<std::string> files;
  FileFormat format;
};

class FolderFormatTest : public ::testing::TestWithParam<FolderSample> {};

TEST_P(FolderFormatTest, IsToldByTheFilesInIt) {
  const TemporaryFolder folder;
  for (const std::string& file : GetParam().files) {
    fs::create_directories((folder.path() / file).parent_path());
    std::ofstream(folder.path() / file) << "x";
  }

  const auto format = DetectFileFormat(folder.path());

  ASSERT_THAT(format, IsOk());
  EXPECT_EQ(static_cast<int>(*format), static_cast<int>(GetParam().format));
}

INSTANTIATE_TEST_SUITE_P(
    , FolderFormatTest,
    ::testing::Values(
        FolderSample{"Bundle", {"model.json", "weights.safetensors"}, FileFormat::kBundle},
        FolderSample{"Keras", {"metadata.json", "config.json"}, FileFormat::kKeras},
        FolderSample{"SavedModel", {"saved_model.pb", "assets/x"}, FileFormat::kSavedModel},
        FolderSample{
            "Checkpoint", {"checkpoint", "ckpt-1.index"}, FileFormat::kTensorFlowCheckpoint},
        FolderSample{"CoreMl",
                     {"Manifest.json", "Data/com.apple.CoreML/model.mlmodel"},
                     FileFormat::kCoreMl},
        FolderSample{"HuggingFace", {"config.json", "model.safetensors"}, FileFormat::kHuggingFace},
        FolderSample{"UnpackedTorch", {"data.pkl", "version"}, FileFormat::kTorchPickle},
        FolderSample{"ConfigurationAlone", {"config.json"}, FileFormat::kOtherFolder},
        FolderSample{"Empty", {}, FileFormat::kOtherFolder}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(DetectFileFormatTest, ReportsAPathThatCannotBeRead) {
  EXPECT_THAT(
      DetectFileFormat("/nonexistent/model.pt"),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/model.pt"), "MODEL_PATH"));
  EXPECT_THAT(DetectFileFormat("/dev/null"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                      HasSubstr("/dev/null"), "MODEL_PATH"));
}

TEST(DetectFileFormatTest, ReadsNoMoreThanTheBeginningOfALargeFile) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "large.onnx";
  std::ofstream(path, std::ios::binary) << kOnnx;
  fs::resize_file(path, uint64_t{1} << 40);

  EXPECT_EQ(*DetectFileFormat(path), FileFormat::kOnnx);
}

TEST(FormatRefusalTest, TellsTheWayOfEachFormatAndNoFileName) {
  EXPECT_THAT(FormatRefusal(FileFormat::kTorchPickle),
              StatusIs(kUnsupported,
                       AllOf(HasSubstr("PyTorch"), HasSubstr("torch.onnx.export"),
                             HasSubstr("states as inputs and outputs")),
                       "MODEL_FORMAT_UNSUPPORTED"));
  EXPECT_THAT(FormatRefusal(FileFormat::kSavedModel),
              StatusIs(kUnsupported, AllOf(HasSubstr("tf2onnx"), HasSubstr("model.save")),
                       "MODEL_FORMAT_UNSUPPORTED"));
  EXPECT_THAT(FormatRefusal(FileFormat::kSafetensors),
              StatusIs(kUnsupported, HasSubstr("model.json"), "MODEL_FORMAT_UNSUPPORTED"));
  EXPECT_THAT(FormatRefusal(FileFormat::kGitLfsPointer),
              StatusIs(kInvalid, HasSubstr("git lfs pull"), "MODEL_FORMAT"));
  EXPECT_THAT(FormatRefusal(FileFormat::kUnknown),
              StatusIs(kInvalid, HasSubstr("no known format"), "MODEL_FORMAT"));
}

TEST(FormatRefusalTest, HasATextOfItsOwnForEachFormat) {
  const std::string unknown(FormatRefusal(FileFormat::kUnknown).message());
  for (int i = static_cast<int>(FileFormat::kBundle); i < static_cast<int>(FileFormat::kUnknown);
       ++i) {
    const absl::Status refusal = FormatRefusal(static_cast<FileFormat>(i));
    EXPECT_NE(refusal.message(), unknown) << "format " << i;
    EXPECT_THAT(std::string(refusal.message()), StartsWith("this is ")) << "format " << i;
  }
}

// Under AddressSanitizer this finds a read beyond the bytes.
TEST(FormatOfBytesTest, TakesAnyBytes) {
  std::mt19937 random(1);
  for (const Sample& sample : Samples()) {
    for (size_t length = 0; length <= sample.bytes.size(); ++length) {
      FormatOfBytes(std::string(sample.bytes, 0, length), static_cast<int64_t>(length));
    }
    for (int i = 0; i < 2000 && !sample.bytes.empty(); ++i) {
      std::string bytes = sample.bytes.substr(0, 1 + random() % sample.bytes.size());
      bytes[random() % bytes.size()] = static_cast<char>(random());
      if (random() % 4 == 0) bytes.append(11, '\xff');
      FormatOfBytes(bytes, static_cast<int64_t>(bytes.size() + random() % 3));
    }
  }
}

TEST(FormatOfBytesTest, AFileThatIsCutOffHasTheFormatOfItsBeginning) {
  constexpr size_t kBeginOfTheGraph = 21;
  EXPECT_EQ(FormatOfBytes(kOnnx.substr(0, kBeginOfTheGraph), kBeginOfTheGraph), FileFormat::kOnnx);
  EXPECT_EQ(FormatOfBytes(kSavedModel.substr(0, 6), 6), FileFormat::kSavedModel);
}

}  // namespace
}  // namespace rnnserve::testing

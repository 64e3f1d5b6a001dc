// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/file_signature.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/import/protobuf_signature.h"

namespace rnnserve {
namespace {

using absl::string_view;

struct Signature {
  size_t offset;
  string_view bytes;
  FileFormat format;
};

// Byte sequences that no other format has at these places. The first that matches counts.
constexpr std::array kSignatures = {
    Signature{0, "\x89HDF\r\n\x1a\n", FileFormat::kHdf5},
    Signature{0, "GGUF", FileFormat::kGguf},
    // The formats before GGUF, as little-endian numbers: "ggml", "ggmf", "ggjt", "ggla".
    Signature{0, "lmgg", FileFormat::kGguf},
    Signature{0, "fmgg", FileFormat::kGguf},
    Signature{0, "tjgg", FileFormat::kGguf},
    Signature{0, "algg", FileFormat::kGguf},
    // FlatBuffers have an identifier after the offset of their root table.
    Signature{4, "TFL3", FileFormat::kTfLite},
    Signature{4, "ORTM", FileFormat::kOnnxRuntime},
    Signature{4, "ET12", FileFormat::kExecuTorch},
    Signature{0, "\x93NUMPY", FileFormat::kNumpy},
    // Before its zip files, PyTorch began a file with the pickled number 0x1950a86a20f9469cfc6c.
    Signature{0, "\x80\x02\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.", FileFormat::kTorchPickle},
    Signature{0, "\x1f\x8b", FileFormat::kCompressed},            // gzip
    Signature{0, "BZh", FileFormat::kCompressed},                 // bzip2
    Signature{0, "\xfd\x37zXZ", FileFormat::kCompressed},         // xz
    Signature{0, "\x28\xb5\x2f\xfd", FileFormat::kCompressed},    // zstd
    Signature{0, "\x04\x22\x4d\x18", FileFormat::kCompressed},    // lz4
    Signature{0, "7z\xbc\xaf\x27\x1c", FileFormat::kCompressed},  // 7-Zip
    Signature{0, "Rar!\x1a\x07", FileFormat::kCompressed},        // RAR
    Signature{257, "ustar", FileFormat::kTar},
};

bool Has(string_view head, const Signature& signature) {
  return head.size() >= signature.offset &&
         absl::StartsWith(head.substr(signature.offset), signature.bytes);
}

// A zip begins with its first entry, or with the end of its directory if it has no entries.
bool IsZip(string_view head) {
  return absl::StartsWith(head, "PK\x03\x04") || absl::StartsWith(head, "PK\x05\x06");
}

// A pickle of protocol 2 or later begins with its protocol.
bool IsPickle(string_view head) {
  return head.size() > 2 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5;
}

// joblib compresses with zlib by default. The stream begins with 0x78 and a check of it.
bool IsZlib(string_view head) {
  if (head.size() < 2 || head[0] != '\x78') return false;
  return (0x7800 + static_cast<unsigned char>(head[1])) % 31 == 0;
}

// A safetensors file begins with the length of its header, which is JSON.
bool IsSafetensors(string_view head, int64_t file_bytes) {
  constexpr size_t kLengthBytes = 8;
  if (head.size() <= kLengthBytes || head[kLengthBytes] != '{') return false;
  uint64_t length = 0;
  for (size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(head[i]);
  }
  return length >= 2 && length <= static_cast<uint64_t>(file_bytes) - kLengthBytes;
}

bool IsText(string_view head) {
  constexpr string_view kControls = "\t\n\v\f\r\x1b";
  return std::all_of(head.begin(), head.end(), [&](char c) {
    return !absl::ascii_iscntrl(static_cast<unsigned char>(c)) || absl::StrContains(kControls, c);
  });
}

FileFormat FormatOfText(string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");  // the mark of UTF-8
  text = absl::StripLeadingAsciiWhitespace(text);
  if (absl::StartsWith(text, "version https://git-lfs")) return FileFormat::kGitLfsPointer;
  if (absl::StartsWithIgnoreCase(text, "<!doctype html") ||
      absl::StartsWithIgnoreCase(text, "<html")) {
    return FileFormat::kHtml;
  }
  if (absl::StartsWith(text, "<") && absl::StrContains(text, "<net ")) return FileFormat::kOpenVino;
  if (absl::StartsWith(text, "{")) {
    return absl::StrContains(text, "\"modelTopology\"") ? FileFormat::kTensorFlowJs
                                                        : FileFormat::kJson;
  }
  // A pickle of protocol 0 is text. It begins with a dict, a list, or the function that makes an
  // object.
  for (const string_view begin : {"(dp0\n", "(lp0\n", "ccopy_reg\n", "ccopyreg\n"}) {
    if (absl::StartsWith(text, begin)) return FileFormat::kPickle;
  }
  return FileFormat::kText;
}

}  // namespace

std::optional<FileFormat> FormatOfBytes(string_view head, int64_t file_bytes) {
  if (head.empty()) return FileFormat::kEmpty;
  if (IsZip(head)) return std::nullopt;
  for (const Signature& signature : kSignatures) {
    if (Has(head, signature)) return signature.format;
  }
  if (IsSafetensors(head, file_bytes)) return FileFormat::kSafetensors;
  if (IsText(head)) return FormatOfText(head);
  if (IsPickle(head)) return FileFormat::kPickle;
  if (IsZlib(head)) return FileFormat::kCompressed;
  return FormatOfProtobuf(head, file_bytes);
}

void ZipSignature::Add(string_view name) {
  const bool is_keras =
      name == "metadata.json" || name == "model.weights.h5" || name == "model.weights.npz";
  has_keras_file_ = has_keras_file_ || is_keras;
  has_core_ml_ = has_core_ml_ || absl::StrContains(name, "com.apple.CoreML");
  (absl::EndsWith(name, ".npy") ? has_arrays_ : has_others_) = true;
  // PyTorch puts all entries into one folder, which has the name of the file. Early files of
  // torch.export have no such folder.
  const string_view inner = name.substr(name.find('/') + 1);
  has_pickle_ = has_pickle_ || inner == "data.pkl";
  has_code_ = has_code_ || inner == "constants.pkl" || absl::StartsWith(inner, "code/");
  has_exported_program_ = has_exported_program_ || inner == "archive_format" ||
                          inner == "serialized_exported_program.json";
}

FileFormat ZipSignature::Format() const {
  if (has_keras_file_) return FileFormat::kKeras;
  if (has_exported_program_) return FileFormat::kTorchExported;
  if (has_pickle_) return has_code_ ? FileFormat::kTorchScript : FileFormat::kTorchPickle;
  if (has_core_ml_) return FileFormat::kCoreMl;
  if (has_arrays_ && !has_others_) return FileFormat::kNumpy;
  return FileFormat::kOtherZip;
}

}  // namespace rnnserve

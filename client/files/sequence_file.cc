// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/sequence_file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/files/csv.h"
#include "client/files/json_lines.h"
#include "client/files/npy.h"

namespace rnnserve::client {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;

// Converts integer features to floats; returns float features and token ids unchanged.
absl::StatusOr<Tensor> ConvertElements(Tensor tensor, const InputKind& kind) {
  if (kind.is_token == !tensor.is_float()) return tensor;
  if (kind.is_token) {
    return absl::InvalidArgumentError("the file contains floats; the model takes token ids");
  }
  const auto to_float = [&](const auto& values) {
    return Tensor(tensor.shape(), std::vector<float>(values.begin(), values.end()));
  };
  return tensor.is_int32() ? to_float(tensor.int32s()) : to_float(tensor.int64s());
}

// Splits an array into sequences along its first dimension, or treats it as a single sequence.
absl::StatusOr<std::vector<Tensor>> SplitArray(const Tensor& array, const InputKind& kind) {
  if (!kind.is_token && kind.num_features == 1 && array.rank() == 1 && array.num_elements() > 0) {
    return std::vector<Tensor>{array.Reshaped({array.shape()[0], 1})};
  }
  const size_t rank = kind.is_token ? 1 : 2;
  const bool is_batch = array.rank() == rank + 1;
  const bool is_one = array.rank() == rank;
  const bool fits =
      kind.is_token || array.shape().empty() || array.shape().back() == kind.num_features;
  if ((!is_batch && !is_one) || !fits || array.num_elements() == 0) {
    const std::string wanted = kind.is_token
                                   ? "[time] or [batch, time]"
                                   : absl::StrCat("[time, ", kind.num_features,
                                                  "] or [batch, time, ", kind.num_features, "]");
    return absl::InvalidArgumentError(absl::StrCat("the array has shape [",
                                                   absl::StrJoin(array.shape(), ", "),
                                                   "]; the model takes ", wanted, ", not empty"));
  }
  if (is_one) return std::vector<Tensor>{array};
  std::vector<Tensor> sequences;
  const std::vector<int64_t> shape(array.shape().begin() + 1, array.shape().end());
  for (int64_t i = 0; i < array.shape()[0]; ++i) {
    sequences.push_back(array.Rows(i, i + 1).Reshaped(shape));
  }
  return sequences;
}

absl::StatusOr<std::vector<Tensor>> ParseNpySequences(absl::string_view bytes,
                                                      const InputKind& kind) {
  absl::StatusOr<Tensor> array = ParseNpy(bytes);
  if (array.ok()) array = ConvertElements(*std::move(array), kind);
  if (!array.ok()) return array.status();
  return SplitArray(*array, kind);
}

absl::StatusOr<std::string> StackAsNpy(const std::vector<Tensor>& outputs) {
  std::vector<float> values;
  for (const Tensor& output : outputs) {
    if (output.shape() != outputs[0].shape()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "an .npy file holds outputs of one length, but these have ", outputs[0].shape()[0],
          " and ", output.shape()[0], "; write .csv or .jsonl"));
    }
    values.insert(values.end(), output.floats().begin(), output.floats().end());
  }
  std::vector<int64_t> shape = outputs[0].shape();
  shape.insert(shape.begin(), static_cast<int64_t>(outputs.size()));
  return FormatNpy(Tensor(std::move(shape), std::move(values)));
}

absl::Status SystemError(const std::string& path) {
  absl::Status status = absl::ErrnoToStatus(errno, path);
  if (absl::IsNotFound(status) || absl::IsPermissionDenied(status)) return status;
  return absl::UnavailableError(status.message());
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin && file != stdout) std::fclose(file);
  }
};

std::unique_ptr<std::FILE, CloseFile> OpenFile(const std::string& path, const char* mode) {
  const bool is_write = mode[0] == 'w';
  if (path == "-") return std::unique_ptr<std::FILE, CloseFile>(is_write ? stdout : stdin);
  return std::unique_ptr<std::FILE, CloseFile>(std::fopen(path.c_str(), mode));
}

}  // namespace

absl::StatusOr<FileFormat> FormatByName(absl::string_view name) {
  if (name == "npy") return FileFormat::kNpy;
  if (name == "csv") return FileFormat::kCsv;
  if (name == "jsonl") return FileFormat::kJsonLines;
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is not a format; there are npy, csv and jsonl"));
}

absl::StatusOr<FileFormat> FormatByExtension(absl::string_view path) {
  const size_t dot = path.rfind('.');
  const absl::StatusOr<FileFormat> format =
      FormatByName(dot == absl::string_view::npos ? "" : path.substr(dot + 1));
  if (format.ok()) return format;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": the extension names no format (.npy, .csv, .jsonl); use --format"));
}

absl::StatusOr<std::vector<Tensor>> ParseSequences(absl::string_view bytes, FileFormat format,
                                                   const InputKind& kind) {
  absl::StatusOr<std::vector<Tensor>> sequences =
      format == FileFormat::kNpy   ? ParseNpySequences(bytes, kind)
      : format == FileFormat::kCsv ? ParseCsv(bytes, kind)
                                   : ParseJsonLines(bytes, kind);
  if (sequences.ok() && sequences->empty()) {
    return absl::InvalidArgumentError("the file contains no sequence");
  }
  return sequences;
}

absl::StatusOr<std::string> FormatOutputs(const std::vector<Tensor>& outputs, FileFormat format) {
  if (format == FileFormat::kNpy) return StackAsNpy(outputs);
  return format == FileFormat::kCsv ? FormatCsv(outputs) : FormatJsonLines(outputs);
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const auto file = OpenFile(path, "rb");
  if (file == nullptr) return SystemError(path);
  std::string bytes;
  size_t num_read = 0;
  do {
    const size_t old_size = bytes.size();
    bytes.resize(old_size + kReadBytes);
    num_read = std::fread(bytes.data() + old_size, 1, kReadBytes, file.get());
    bytes.resize(old_size + num_read);
  } while (num_read > 0);
  if (std::ferror(file.get()) != 0) return SystemError(path);
  return bytes;
}

absl::Status WriteFile(const std::string& path, absl::string_view bytes) {
  const auto file = OpenFile(path, "wb");
  if (file == nullptr) return SystemError(path);
  const bool is_written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  if (!is_written || std::fflush(file.get()) != 0) return SystemError(path);
  return absl::OkStatus();
}

}  // namespace rnnserve::client

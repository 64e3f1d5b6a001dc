// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/npy_file.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/onnx_limits.h"
#include "core/model/input_file.h"

namespace rnnserve {
namespace {

// The magic number, two bytes of version and the length of the header.
constexpr size_t kPreambleBytes = 10;

// Returns what stands between two texts, or "" if one of them is missing.
absl::string_view Between(absl::string_view text, absl::string_view begin, absl::string_view end) {
  const size_t start = text.find(begin);
  if (start == absl::string_view::npos) return "";
  text.remove_prefix(start + begin.size());
  const size_t stop = text.find(end);
  return stop == absl::string_view::npos ? "" : text.substr(0, stop);
}

}  // namespace

absl::StatusOr<OnnxTensor> ReadNpy(absl::string_view content, absl::string_view what) {
  const auto bad = [what](absl::string_view text) {
    return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("'", what, "': ", text));
  };
  if (content.size() < kPreambleBytes || !absl::StartsWith(content, "\x93NUMPY\x01")) {
    return bad("it is not a file that numpy.save wrote");
  }
  const size_t header_bytes = static_cast<unsigned char>(content[8]) +
                              (size_t{static_cast<unsigned char>(content[9])} << 8);
  const absl::string_view header = content.substr(kPreambleBytes, header_bytes);
  if (header.size() < header_bytes) return bad("it is truncated");
  const absl::string_view type = Between(header, "'descr': '", "'");
  if ((type != "<f4" && type != "<f8") || !absl::StrContains(header, "'fortran_order': False")) {
    return bad("it does not hold float32 or float64 in C order");
  }
  std::vector<int64_t> extents;
  for (absl::string_view part : absl::StrSplit(Between(header, "'shape': (", ")"), ',')) {
    int64_t extent = 0;
    if (absl::StrContains(part, '.') || part.find_first_not_of(' ') == absl::string_view::npos) {
      continue;
    }
    if (!absl::SimpleAtoi(part, &extent)) return bad("its shape is not a list of numbers");
    extents.push_back(extent);
  }
  const size_t width = type == "<f4" ? 4 : 8;
  OnnxTensor tensor{ElementType::kFloat32, Shape(extents), {}};
  const int64_t count = tensor.shape.NumElements().value_or(-1);
  const absl::string_view data = content.substr(kPreambleBytes + header_bytes);
  if (count < 0 || count > kOnnxTensorElementsMax ||
      data.size() != static_cast<size_t>(count) * width) {
    return bad(absl::StrCat("its shape is ", tensor.shape.ToString(), ", but it has ", data.size(),
                            " bytes of data"));
  }
  std::vector<float> floats(static_cast<size_t>(count));
  for (size_t i = 0; i < floats.size(); ++i) {
    double value = 0;
    if (width == 4) {
      std::memcpy(&floats[i], data.data() + i * width, width);
    } else {
      std::memcpy(&value, data.data() + i * width, width);
      floats[i] = static_cast<float>(value);
    }
  }
  tensor.elements = std::move(floats);
  return tensor;
}

absl::StatusOr<OnnxTensor> ReadNpyFile(const std::string& path) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string content,
                            ReadInputFile(path, 8 * kOnnxTensorElementsMax));
  return ReadNpy(content, path);
}

}  // namespace rnnserve

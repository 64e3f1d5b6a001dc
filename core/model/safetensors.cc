// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/json_reader.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "tensors are read and written as they lie in memory");

constexpr int64_t kLengthBytes = sizeof(uint64_t);
constexpr int64_t kFloatBytes = sizeof(float);
constexpr absl::string_view kMetadataKey = "__metadata__";
// The types of safetensors other than F32.
constexpr std::array<absl::string_view, 14> kOtherTypes = {
    "BOOL", "U8",   "I8",  "F8_E4M3", "F8_E5M2", "U16", "I16",
    "F16",  "BF16", "U32", "I32",     "U64",     "I64", "F64"};

// One tensor of the header, with the range of its bytes after the header.
struct Entry {
  std::string name;
  Shape shape;
  int64_t begin = 0;
  int64_t end = 0;
};

absl::Status Malformed(absl::string_view text) {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("weights: ", text));
}

absl::Status MalformedEntry(absl::string_view name, absl::string_view text) {
  return Malformed(absl::StrCat("tensor '", name, "': ", text));
}

// Returns `value` as a list of whole numbers >= 0, or nullopt if it is anything else.
std::optional<std::vector<int64_t>> WholeNumbers(const Json& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<int64_t> numbers;
  for (const Json& number : value) {
    if (!number.is_number_unsigned() || !std::in_range<int64_t>(number.get<uint64_t>())) {
      return std::nullopt;
    }
    numbers.push_back(number.get<int64_t>());
  }
  return numbers;
}

absl::Status CheckType(const std::string& name, const Json& dtype) {
  if (dtype == "F32") return absl::OkStatus();
  if (!dtype.is_string() || std::find(kOtherTypes.begin(), kOtherTypes.end(),
                                      dtype.get<std::string>()) == kOtherTypes.end()) {
    return MalformedEntry(name, absl::StrCat("there is no dtype ", dtype.dump()));
  }
  return MakeError(absl::StatusCode::kUnimplemented, "DTYPE_UNSUPPORTED",
                   absl::StrCat("weights: tensor '", name, "' is ", dtype.get<std::string>(),
                                "; only F32 is supported"));
}

absl::StatusOr<Entry> ParseEntry(const std::string& name, const Json& object) {
  if (name.empty() || name.size() > kWeightNameBytesMax) {
    return Malformed(absl::StrCat("a tensor's name has ", name.size(), " bytes, not 1 to ",
                                  kWeightNameBytesMax));
  }
  if (!object.is_object() || object.size() != 3 || !object.contains("dtype") ||
      !object.contains("shape") || !object.contains("data_offsets")) {
    return MalformedEntry(name, "not an object of dtype, shape and data_offsets");
  }
  RNNSERVE_RETURN_IF_ERROR(CheckType(name, object["dtype"]));
  const auto extents = WholeNumbers(object["shape"]);
  const auto offsets = WholeNumbers(object["data_offsets"]);
  if (!extents.has_value()) return MalformedEntry(name, "'shape' is not a list of whole numbers");
  if (!offsets.has_value() || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    return MalformedEntry(name, "'data_offsets' is not a beginning and an end");
  }
  const Entry entry{name, Shape(*extents), (*offsets)[0], (*offsets)[1]};
  const auto elements = entry.shape.NumElements();
  const auto bytes = elements.has_value() ? CheckedMultiply(*elements, kFloatBytes) : std::nullopt;
  if (!bytes.has_value() || *bytes != entry.end - entry.begin) {
    return MalformedEntry(
        name, absl::StrCat("F32 of shape ", entry.shape.ToString(), " does not take the ",
                           entry.end - entry.begin, " bytes it has"));
  }
  return entry;
}

absl::Status CheckMetadata(const Json& metadata) {
  const bool is_strings =
      metadata.is_object() &&
      std::all_of(metadata.begin(), metadata.end(), [](const Json& v) { return v.is_string(); });
  return is_strings ? absl::OkStatus() : Malformed("'__metadata__' is not an object of strings");
}

// Returns the entries in the order of the file. Together they cover `data_bytes` exactly.
absl::StatusOr<std::vector<Entry>> ParseHeader(const Json& header, int64_t data_bytes) {
  if (!header.is_object()) return Malformed("the header is not an object");
  std::vector<Entry> entries;
  for (const auto& [name, object] : header.items()) {
    if (name == kMetadataKey) {
      RNNSERVE_RETURN_IF_ERROR(CheckMetadata(object));
      continue;
    }
    RNNSERVE_ASSIGN_OR_RETURN(Entry entry, ParseEntry(name, object));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  int64_t expected = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != expected) {
      return MalformedEntry(entry.name, absl::StrCat("begins at byte ", entry.begin,
                                                     ", but the one before ends at ", expected));
    }
    expected = entry.end;
  }
  if (expected != data_bytes) {
    return Malformed(absl::StrCat("the tensors take ", expected, " bytes, but ", data_bytes,
                                  " follow the header"));
  }
  return entries;
}

absl::StatusOr<std::string> ReadHeader(std::istream& file, int64_t size) {
  uint64_t length = 0;
  file.read(reinterpret_cast<char*>(&length), kLengthBytes);
  if (size < kLengthBytes || !file) {
    return Malformed(absl::StrCat(size, " bytes are too few for a safetensors file"));
  }
  if (length > static_cast<uint64_t>(size - kLengthBytes)) {
    return Malformed(absl::StrCat("a header of ", length, " bytes in a file of ", size));
  }
  if (length > static_cast<uint64_t>(kWeightsHeaderBytesMax)) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat("weights: a header of ", length, " bytes; at most ", kWeightsHeaderBytesMax));
  }
  std::string header(static_cast<size_t>(length), '\0');
  if (!file.read(header.data(), static_cast<std::streamsize>(length))) {
    return Malformed("the file ends within the header");
  }
  if (header.empty() || header.front() != '{') return Malformed("the header is not an object");
  return header;
}

std::string HeaderOf(const WeightTable& weights) {
  Json header = Json::object();
  int64_t offset = 0;
  for (const auto& [name, weight] : weights) {
    const int64_t end = offset + weight.values.size() * kFloatBytes;
    header[name] = {{"dtype", "F32"},
                    {"shape", std::vector<int64_t>(weight.shape.extents().begin(),
                                                   weight.shape.extents().end())},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  const size_t unpadded = text.size() + kLengthBytes;
  const size_t alignment = AlignedBuffer::kAlignmentBytes;
  text.append((alignment - unpadded % alignment) % alignment, ' ');
  return text;
}

}  // namespace

absl::StatusOr<WeightTable> ReadSafetensors(std::istream& file, int64_t size) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::string header_text, ReadHeader(file, size));
  const int64_t data_bytes = size - kLengthBytes - static_cast<int64_t>(header_text.size());
  if (data_bytes > kWeightBytesMax) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat("weights: ", data_bytes, " bytes of tensors; at most ", kWeightBytesMax));
  }
  auto header = ParseJson(header_text, kWeightsHeaderBytesMax, "header");
  if (!header.ok()) return Malformed(header.status().message());
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<Entry> entries, ParseHeader(*header, data_bytes));
  WeightTable weights;
  for (const Entry& entry : entries) {
    Weight weight{entry.shape, AlignedBuffer((entry.end - entry.begin) / kFloatBytes)};
    if (!file.read(reinterpret_cast<char*>(weight.values.data()), entry.end - entry.begin)) {
      return MalformedEntry(entry.name, "the file ends within it");
    }
    weights.emplace(entry.name, std::move(weight));
  }
  return weights;
}

void WriteSafetensors(const WeightTable& weights, std::ostream& file) {
  const std::string header = HeaderOf(weights);
  const uint64_t length = header.size();
  file.write(reinterpret_cast<const char*>(&length), kLengthBytes);
  file << header;
  for (const auto& [name, weight] : weights) {
    file.write(reinterpret_cast<const char*>(weight.values.data()),
               weight.values.size() * kFloatBytes);
  }
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/onnx/tensor_reader.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/confined_path.h"
#include "core/import/onnx/onnx_limits.h"
#include "core/model/input_file.h"
#include "onnx/onnx.pb.h"

namespace rnnserve {
namespace {

using onnx::TensorProto;

std::string NameOf(const TensorProto& proto) {
  return proto.name().empty() ? "a tensor without a name"
                              : absl::StrCat("tensor '", proto.name(), "'");
}

absl::Status BadTensor(const TensorProto& proto, absl::string_view text) {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat(NameOf(proto), ": ", text));
}

// Returns the bytes of one element in raw_data; 0 if the type is not read.
int64_t WidthOf(int32_t data_type) {
  switch (data_type) {
    case TensorProto::UINT8:
    case TensorProto::INT8:
    case TensorProto::BOOL:
      return 1;
    case TensorProto::UINT16:
    case TensorProto::INT16:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      return 2;
    case TensorProto::FLOAT:
    case TensorProto::INT32:
    case TensorProto::UINT32:
      return 4;
    case TensorProto::DOUBLE:
    case TensorProto::INT64:
    case TensorProto::UINT64:
      return 8;
    default:
      return 0;
  }
}

float FromFloat16(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 1023;
  const float sign = bits >> 15 != 0 ? -1.0f : 1.0f;
  if (exponent == 31) {
    return mantissa != 0 ? std::numeric_limits<float>::quiet_NaN()
                         : sign * std::numeric_limits<float>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

float FromBfloat16(uint16_t bits) {
  const uint32_t word = uint32_t{bits} << 16;
  float value = 0;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}

// Appends elements that are stored as T, little-endian, each converted by `convert`.
template <typename T, typename Element, typename Convert>
void Append(const std::string& raw, Convert convert, std::vector<Element>& elements) {
  for (size_t i = 0; i < elements.size(); ++i) {
    T stored;
    std::memcpy(&stored, raw.data() + i * sizeof(T), sizeof(T));
    elements[i] = convert(stored);
  }
}

std::vector<float> FloatsOfRaw(int32_t data_type, const std::string& raw, size_t count) {
  std::vector<float> floats(count);
  switch (data_type) {
    case TensorProto::FLOAT16:
      Append<uint16_t>(raw, FromFloat16, floats);
      break;
    case TensorProto::BFLOAT16:
      Append<uint16_t>(raw, FromBfloat16, floats);
      break;
    case TensorProto::DOUBLE:
      Append<double>(
          raw, [](double x) { return static_cast<float>(x); }, floats);
      break;
    default:
      if (count > 0) std::memcpy(floats.data(), raw.data(), count * sizeof(float));
  }
  return floats;
}

std::vector<int64_t> IntegersOfRaw(int32_t data_type, const std::string& raw, size_t count) {
  std::vector<int64_t> integers(count);
  const auto widen = [](auto x) { return static_cast<int64_t>(x); };
  switch (data_type) {
    case TensorProto::UINT8:
      Append<uint8_t>(raw, widen, integers);
      break;
    case TensorProto::INT8:
      Append<int8_t>(raw, widen, integers);
      break;
    case TensorProto::BOOL:
      Append<uint8_t>(
          raw, [](uint8_t x) { return int64_t{x != 0}; }, integers);
      break;
    case TensorProto::UINT16:
      Append<uint16_t>(raw, widen, integers);
      break;
    case TensorProto::INT16:
      Append<int16_t>(raw, widen, integers);
      break;
    case TensorProto::INT32:
      Append<int32_t>(raw, widen, integers);
      break;
    case TensorProto::UINT32:
      Append<uint32_t>(raw, widen, integers);
      break;
    default:
      Append<int64_t>(raw, widen, integers);
  }
  return integers;
}

// Returns the elements of the list that belongs to the data type.
std::vector<float> FloatsOfLists(const TensorProto& proto) {
  std::vector<float> floats;
  switch (proto.data_type()) {
    case TensorProto::FLOAT16:
      for (int32_t x : proto.int32_data()) floats.push_back(FromFloat16(static_cast<uint16_t>(x)));
      break;
    case TensorProto::BFLOAT16:
      for (int32_t x : proto.int32_data()) floats.push_back(FromBfloat16(static_cast<uint16_t>(x)));
      break;
    case TensorProto::DOUBLE:
      for (double x : proto.double_data()) floats.push_back(static_cast<float>(x));
      break;
    default:
      floats.assign(proto.float_data().begin(), proto.float_data().end());
  }
  return floats;
}

std::vector<int64_t> IntegersOfLists(const TensorProto& proto) {
  switch (proto.data_type()) {
    case TensorProto::INT64:
      return {proto.int64_data().begin(), proto.int64_data().end()};
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return {proto.uint64_data().begin(), proto.uint64_data().end()};
    default: {
      std::vector<int64_t> integers(proto.int32_data().begin(), proto.int32_data().end());
      if (proto.data_type() == TensorProto::BOOL) {
        for (int64_t& x : integers) x = x != 0;
      }
      return integers;
    }
  }
}

int64_t LengthOfList(const TensorProto& proto) {
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
      return proto.float_data_size();
    case TensorProto::DOUBLE:
      return proto.double_data_size();
    case TensorProto::INT64:
      return proto.int64_data_size();
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return proto.uint64_data_size();
    default:
      return proto.int32_data_size();
  }
}

// Doubles that are too large for float32 became infinite.
bool HasOverflow(const TensorProto& proto, const std::string& raw, const std::vector<float>& floats,
                 bool is_raw) {
  if (proto.data_type() != TensorProto::DOUBLE) return false;
  for (size_t i = 0; i < floats.size(); ++i) {
    double stored = 0;
    if (is_raw) {
      std::memcpy(&stored, raw.data() + i * sizeof(double), sizeof(double));
    } else {
      stored = proto.double_data(static_cast<int>(i));
    }
    if (std::isinf(floats[i]) && !std::isinf(stored)) return true;
  }
  return false;
}

// The place of external data, as the file states it.
struct ExternalData {
  std::string location;
  int64_t offset = 0;
  std::optional<int64_t> length;
};

absl::StatusOr<ExternalData> ReadExternalData(const TensorProto& proto) {
  ExternalData data;
  for (const onnx::StringStringEntryProto& entry : proto.external_data()) {
    if (entry.key() == "location") data.location = entry.value();
    if (entry.key() != "offset" && entry.key() != "length") continue;
    int64_t number = 0;
    if (!absl::SimpleAtoi(entry.value(), &number) || number < 0) {
      return BadTensor(
          proto, absl::StrCat("'", entry.key(), "' of its external data is '", entry.value(), "'"));
    }
    if (entry.key() == "offset") data.offset = number;
    if (entry.key() == "length") data.length = number;
  }
  return data;
}

}  // namespace

absl::StatusOr<ElementType> ElementTypeOfOnnx(int32_t data_type, absl::string_view what) {
  switch (data_type) {
    case TensorProto::FLOAT:
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
    case TensorProto::DOUBLE:
      return ElementType::kFloat32;
    case TensorProto::BOOL:
      return ElementType::kBool;
    case TensorProto::UINT8:
    case TensorProto::INT8:
    case TensorProto::UINT16:
    case TensorProto::INT16:
    case TensorProto::INT32:
    case TensorProto::UINT32:
    case TensorProto::INT64:
    case TensorProto::UINT64:
      return ElementType::kInt32;
    default:
      return MakeError(
          absl::StatusCode::kUnimplemented, "DTYPE_UNSUPPORTED",
          absl::StrCat(what, " has the ONNX type ", data_type,
                       "; floats of 16 to 64 bits, integers of 8 to 64 bits and truth values are "
                       "supported"));
  }
}

absl::StatusOr<std::string> TensorReader::ReadExternal(const TensorProto& proto, int64_t bytes) {
  RNNSERVE_ASSIGN_OR_RETURN(const ExternalData data, ReadExternalData(proto));
  if (folder_.empty()) {
    return BadTensor(proto, absl::StrCat("its external data '", data.location,
                                         "' is not a path below the folder of the model"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const std::string path,
                            ConfinedPath(folder_, data.location, "MODEL_WEIGHTS",
                                         absl::StrCat(NameOf(proto), ": its external data")));
  if (data.length.has_value() && *data.length != bytes) {
    return BadTensor(proto, absl::StrCat("its shape needs ", bytes,
                                         " bytes, but its external data "
                                         "has ",
                                         *data.length));
  }
  RNNSERVE_ASSIGN_OR_RETURN(InputFile file, OpenInputFile(path));
  if (bytes > file.size || data.offset > file.size - bytes) {
    return BadTensor(
        proto, absl::StrCat("its external data needs ", bytes, " bytes from byte ", data.offset,
                            " on, but '", data.location, "' has ", file.size));
  }
  std::string raw(static_cast<size_t>(bytes), '\0');
  file.stream.seekg(data.offset);
  file.stream.read(raw.data(), bytes);
  if (file.stream.gcount() != bytes) {
    return BadTensor(proto, absl::StrCat("'", data.location, "' cannot be read"));
  }
  return raw;
}

absl::StatusOr<OnnxTensor> TensorReader::Read(TensorProto& proto) {
  OnnxTensor tensor;
  RNNSERVE_ASSIGN_OR_RETURN(tensor.type, ElementTypeOfOnnx(proto.data_type(), NameOf(proto)));
  tensor.data_type = proto.data_type();
  if (proto.has_segment()) return BadTensor(proto, "it is stored in segments");
  tensor.shape =
      Shape(absl::MakeConstSpan(proto.dims().data(), static_cast<size_t>(proto.dims_size())));
  const std::optional<int64_t> count = tensor.shape.NumElements();
  const int64_t width = WidthOf(proto.data_type());
  if (!count.has_value()) {
    return BadTensor(proto, absl::StrCat("its shape ", tensor.shape.ToString(), " is impossible"));
  }
  if (*count > kOnnxTensorElementsMax || total_bytes_ + *count * width > kOnnxTensorBytesMax) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat(NameOf(proto), ": ", *count, " elements; at most ", kOnnxTensorElementsMax,
                     ", and ", kOnnxTensorBytesMax, " bytes in all tensors"));
  }
  total_bytes_ += *count * width;
  const bool is_external = proto.data_location() == TensorProto::EXTERNAL;
  const bool is_raw = is_external || proto.has_raw_data();
  std::string raw = std::move(*proto.mutable_raw_data());
  if (is_external) {
    RNNSERVE_ASSIGN_OR_RETURN(raw, ReadExternal(proto, *count * width));
  }
  const int64_t length = is_raw ? static_cast<int64_t>(raw.size()) : LengthOfList(proto) * width;
  if (length != *count * width) {
    return BadTensor(proto, absl::StrCat("its shape ", tensor.shape.ToString(), " needs ",
                                         *count * width, " bytes, but it has ", length));
  }
  const auto size = static_cast<size_t>(*count);
  if (tensor.type == ElementType::kFloat32) {
    std::vector<float> floats =
        is_raw ? FloatsOfRaw(proto.data_type(), raw, size) : FloatsOfLists(proto);
    if (HasOverflow(proto, raw, floats, is_raw)) {
      return BadTensor(proto, "a number is too large for float32");
    }
    tensor.elements = std::move(floats);
  } else {
    std::vector<int64_t> integers =
        is_raw ? IntegersOfRaw(proto.data_type(), raw, size) : IntegersOfLists(proto);
    if (proto.data_type() == TensorProto::UINT64) {
      for (int64_t x : integers) {
        if (x < 0) return BadTensor(proto, "an unsigned integer is too large");
      }
    }
    tensor.elements = std::move(integers);
  }
  proto.Clear();
  return tensor;
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/files/npy.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace rnnserve::client {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied without conversion");

constexpr absl::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kVersionBytes = 2;
// NumPy aligns the elements to this many bytes.
constexpr size_t kAlignment = 64;
// NumPy's own limit on dimensions; a header that names more is garbage.
constexpr size_t kMaxRank = 32;

struct Header {
  std::string element_type;
  bool is_fortran_order = false;
  std::vector<int64_t> shape;
};

absl::Status BadHeader(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a readable .npy file: ", why));
}

// Returns the rest of the header from the value of `key` on. The header is a Python dictionary.
absl::StatusOr<absl::string_view> ValueOf(absl::string_view header, absl::string_view key) {
  const size_t position = header.find(absl::StrCat("'", key, "':"));
  if (position == absl::string_view::npos) {
    return BadHeader(absl::StrCat("its header has no '", key, "'"));
  }
  return absl::StripLeadingAsciiWhitespace(header.substr(position + key.size() + 3));
}

absl::StatusOr<std::vector<int64_t>> ParseShape(absl::string_view value) {
  const size_t end = value.find(')');
  if (!absl::StartsWith(value, "(") || end == absl::string_view::npos) {
    return BadHeader("its shape is not a tuple");
  }
  std::vector<int64_t> shape;
  for (absl::string_view word : absl::StrSplit(value.substr(1, end - 1), ',')) {
    word = absl::StripAsciiWhitespace(word);
    if (word.empty()) continue;  // nothing follows the comma of "(3,)"
    int64_t extent = 0;
    if (!absl::SimpleAtoi(word, &extent) || extent < 0 || shape.size() == kMaxRank) {
      return BadHeader(absl::StrCat("its shape is ", value.substr(0, end + 1)));
    }
    shape.push_back(extent);
  }
  return shape;
}

absl::StatusOr<Header> ParseHeader(absl::string_view text) {
  Header header;
  const absl::StatusOr<absl::string_view> descr = ValueOf(text, "descr");
  if (!descr.ok()) return descr.status();
  if (!absl::StartsWith(*descr, "'")) return BadHeader("it holds records, not numbers");
  header.element_type = std::string(descr->substr(1, descr->find('\'', 1) - 1));
  const absl::StatusOr<absl::string_view> order = ValueOf(text, "fortran_order");
  if (!order.ok()) return order.status();
  header.is_fortran_order = absl::StartsWith(*order, "True");
  const absl::StatusOr<absl::string_view> tuple = ValueOf(text, "shape");
  if (!tuple.ok()) return tuple.status();
  absl::StatusOr<std::vector<int64_t>> shape = ParseShape(*tuple);
  if (!shape.ok()) return shape.status();
  header.shape = *std::move(shape);
  return header;
}

// Removes the header text from the front of `bytes` and returns it.
absl::StatusOr<absl::string_view> TakeHeaderText(absl::string_view* bytes) {
  if (!absl::ConsumePrefix(bytes, kMagic) || bytes->size() < kVersionBytes) {
    return BadHeader("it does not begin with NumPy's magic string");
  }
  const int version = static_cast<unsigned char>((*bytes)[0]);
  if (version < 1 || version > 3) return BadHeader(absl::StrCat("its version is ", version));
  bytes->remove_prefix(kVersionBytes);
  const size_t length_bytes = version == 1 ? sizeof(uint16_t) : sizeof(uint32_t);
  if (bytes->size() < length_bytes) return BadHeader("it ends in its header");
  uint32_t length = 0;
  std::memcpy(&length, bytes->data(), length_bytes);
  bytes->remove_prefix(length_bytes);
  if (bytes->size() < length) return BadHeader("it ends in its header");
  const absl::string_view text = bytes->substr(0, length);
  bytes->remove_prefix(length);
  return text;
}

// Converts the elements of type `Stored` in `bytes` to `Value`.
template <typename Stored, typename Value>
absl::StatusOr<Tensor> ReadElements(const Header& header, absl::string_view bytes) {
  // Compares by division, because the product of the extents may overflow.
  size_t remaining = bytes.size() / sizeof(Stored);
  bool is_exact = bytes.size() % sizeof(Stored) == 0;
  bool is_empty = false;
  for (int64_t extent : header.shape) is_empty = is_empty || extent == 0;
  for (int64_t extent : header.shape) {
    if (is_empty) break;
    is_exact = is_exact && remaining % static_cast<size_t>(extent) == 0;
    remaining /= static_cast<size_t>(extent);
  }
  if (!is_exact || (is_empty ? !bytes.empty() : remaining != 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the .npy file has ", bytes.size(), " bytes of elements, which is not what ",
        header.element_type, " of shape (", absl::StrJoin(header.shape, ", "), ") takes"));
  }
  std::vector<Value> values(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    values[i] = static_cast<Value>(stored);
  }
  return Tensor(header.shape, std::move(values));
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  const absl::StatusOr<absl::string_view> text = TakeHeaderText(&bytes);
  if (!text.ok()) return text.status();
  const absl::StatusOr<Header> header = ParseHeader(*text);
  if (!header.ok()) return header.status();
  if (header->is_fortran_order && header->shape.size() > 1) {
    return absl::InvalidArgumentError(
        "the .npy file is in Fortran order; save numpy.ascontiguousarray(array) instead");
  }
  if (header->element_type == "<f4") return ReadElements<float, float>(*header, bytes);
  if (header->element_type == "<f8") return ReadElements<double, float>(*header, bytes);
  if (header->element_type == "<i4") return ReadElements<int32_t, int32_t>(*header, bytes);
  if (header->element_type == "<i8") return ReadElements<int64_t, int64_t>(*header, bytes);
  return absl::InvalidArgumentError(absl::StrCat("the .npy file has elements of type '",
                                                 header->element_type,
                                                 "'; supported are <f4, <f8, <i4 and <i8"));
}

std::string FormatNpy(const Tensor& tensor) {
  const char* element_type = tensor.is_float() ? "<f4" : tensor.is_int32() ? "<i4" : "<i8";
  std::string header =
      absl::StrCat("{'descr': '", element_type, "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(tensor.shape(), ", "), tensor.rank() == 1 ? ",), }" : "), }");
  const size_t unpadded = kMagic.size() + kVersionBytes + sizeof(uint16_t) + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';

  const uint16_t length = static_cast<uint16_t>(header.size());
  std::string bytes(kMagic);
  bytes += '\x01';
  bytes += '\x00';
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  const auto append = [&bytes](const auto& values) {
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
  };
  if (tensor.is_float()) {
    append(tensor.floats());
  } else if (tensor.is_int32()) {
    append(tensor.int32s());
  } else {
    append(tensor.int64s());
  }
  return bytes;
}

}  // namespace rnnserve::client

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/hdf5_dataset.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/hdf5_handle.h"

namespace rnnserve {
namespace {

constexpr int kRankMax = 8;

// kNative is every type that libhdf5 converts to float32.
enum class NumberType { kNative, kBfloat16, kOther };

// HDF5 has no bfloat16. Keras stores its two bytes as an opaque type.
NumberType TypeOf(hid_t type) {
  const size_t size = H5Tget_size(type);
  switch (H5Tget_class(type)) {
    case H5T_FLOAT:
      return size == 2 || size == 4 || size == 8 ? NumberType::kNative : NumberType::kOther;
    case H5T_INTEGER:
      return NumberType::kNative;
    case H5T_OPAQUE:
      return size == 2 ? NumberType::kBfloat16 : NumberType::kOther;
    default:
      return NumberType::kOther;
  }
}

// Checks that the numbers are stored contiguously and unfiltered, so that reading them reads no
// more than the shape says.
absl::Status CheckLayout(hid_t dataset, const Hdf5DatasetError& malformed) {
  const Hdf5Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (!properties.ok()) return malformed("cannot be read");
  const H5D_layout_t layout = H5Pget_layout(properties.id());
  if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
    return malformed("is chunked or virtual; only contiguous datasets are read");
  }
  if (H5Pget_external_count(properties.id()) != 0) return malformed("lies in another file");
  if (H5Pget_nfilters(properties.id()) != 0) return malformed("is filtered or compressed");
  return absl::OkStatus();
}

absl::StatusOr<Shape> ReadShape(hid_t dataset, const Hdf5DatasetError& malformed) {
  const Hdf5Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.id()) : -1;
  if (rank < 0 || rank > kRankMax || H5Sget_simple_extent_type(space.id()) == H5S_NULL) {
    return malformed("has no shape that a weight can have");
  }
  std::array<hsize_t, kRankMax> extents = {};
  H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
  return Shape(std::vector<int64_t>(extents.begin(), extents.begin() + rank));
}

// A bfloat16 is the upper half of a float.
bool ReadBfloat16(hid_t dataset, hid_t type, absl::Span<float> values) {
  std::vector<uint16_t> halves(values.size());
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, halves.data()) < 0) return false;
  std::transform(halves.begin(), halves.end(), values.begin(),
                 [](uint16_t half) { return std::bit_cast<float>(uint32_t{half} << 16); });
  return true;
}

}  // namespace

absl::StatusOr<Weight> ReadHdf5Dataset(hid_t dataset, absl::string_view path, int64_t bytes_max,
                                       const Hdf5DatasetError& malformed) {
  RNNSERVE_RETURN_IF_ERROR(CheckLayout(dataset, malformed));
  const Hdf5Handle type(H5Dget_type(dataset), H5Tclose);
  const NumberType number_type = type.ok() ? TypeOf(type.id()) : NumberType::kOther;
  if (number_type == NumberType::kOther) {
    return MakeError(absl::StatusCode::kUnimplemented, "DTYPE_UNSUPPORTED",
                     absl::StrCat(path, " does not hold numbers"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const Shape shape, ReadShape(dataset, malformed));
  const auto size = shape.NumElements();
  const auto bytes = size.has_value() ? CheckedMultiply(*size, sizeof(float)) : std::nullopt;
  if (!bytes.has_value() || *bytes > bytes_max) {
    return InvalidArgument("MODEL_TOO_LARGE",
                           absl::StrCat(path, " has shape ", shape.ToString(), "; only ", bytes_max,
                                        " bytes of weights are left"));
  }
  const auto stored = static_cast<int64_t>(H5Dget_storage_size(dataset));
  const int64_t needed = *size * static_cast<int64_t>(H5Tget_size(type.id()));
  if (stored != needed) {
    return malformed(absl::StrCat("takes ", needed, " bytes, but stores ", stored));
  }
  Weight weight{shape, AlignedBuffer(*size)};
  const bool is_read = *size == 0 || (number_type == NumberType::kBfloat16
                                          ? ReadBfloat16(dataset, type.id(), weight.values.span())
                                          : H5Dread(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL,
                                                    H5P_DEFAULT, weight.values.data()) >= 0);
  if (!is_read) return malformed("cannot be read");
  return weight;
}

}  // namespace rnnserve

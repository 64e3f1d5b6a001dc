// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_HDF5_DATASET_H_
#define RNNSERVE_CORE_IMPORT_HDF5_DATASET_H_

#include <hdf5.h>

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// Makes an error from a text about one dataset.
using Hdf5DatasetError = std::function<absl::Status(absl::string_view text)>;

// Reads an open dataset as float32. It may hold floats of 16, 32 or 64 bits, bfloat16, or whole
// numbers of any size. Before it allocates anything, this function checks that the numbers are
// stored in the file contiguously and unfiltered and have at most `bytes_max` bytes as float32.
// Errors: those that `malformed` makes; INVALID_ARGUMENT, reason MODEL_TOO_LARGE; UNIMPLEMENTED,
// reason DTYPE_UNSUPPORTED, if it holds something else. The texts of the last two name `path`.
absl::StatusOr<Weight> ReadHdf5Dataset(hid_t dataset, absl::string_view path, int64_t bytes_max,
                                       const Hdf5DatasetError& malformed);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_HDF5_DATASET_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_FILES_NPY_H_
#define RNNSERVE_CLIENT_FILES_NPY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/tensor.h"

// NumPy's array files (numpy.lib.format). Debian's xtensor also reads them, but it needs the
// element type in advance, throws, and allocates what the header claims before it checks the size
// of the file.
namespace rnnserve::client {

// Reads an array of type '<f4', '<f8' (rounded to float), '<i4' or '<i8' in C order; format version
// 1, 2 or 3. INVALID_ARGUMENT for anything else, and for a file whose length differs from what its
// header says.
absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes);

// Formats a tensor in format version 1. REQUIRES: the tensor is not bool.
std::string FormatNpy(const Tensor& tensor);

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_FILES_NPY_H_

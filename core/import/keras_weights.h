// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_
#define RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// The variables that one Keras object owns itself: the datasets "0", "1", ... of one "vars" group.
struct KerasVariables {
  std::string owner;  // the name of the object, where Keras noted it; else empty
  std::vector<Weight> values;
};

// The variables of a Keras weights file by the path of their group: "layers/lstm/cell/vars". Left
// out are those that training alone needs: the optimizer's and the seed generators'.
using KerasWeights = std::map<std::string, KerasVariables, std::less<>>;

// Reads a `model.weights.h5` in memory. It must hold nothing but groups, hard links that form a
// tree, and contiguous float32 datasets without filters; that is what Keras writes. Links to other
// files, compressed, chunked, virtual or external datasets are refused unread.
//
// Errors: INVALID_ARGUMENT, reason MODEL_WEIGHTS (damaged or not as above) or MODEL_TOO_LARGE;
// UNIMPLEMENTED, reason DTYPE_UNSUPPORTED, for numbers of another type. The text names the path.
// Used by one thread at a time: libhdf5 has global state.
absl::StatusOr<KerasWeights> ReadKerasWeights(absl::string_view hdf5);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_KERAS_WEIGHTS_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_KERAS_STATE_SPEC_H_
#define RNNSERVE_CORE_KERAS_STATE_SPEC_H_

#include <cstdint>
#include <string>

#include "core/base/shape.h"

namespace rnnserve {

// One recurrent state of a cell or layer, as clients see it.
struct StateSpec {
  std::string name;  // "h", "c"; "0/h" in a stack; "forward/h" in a Bidirectional layer
  Shape shape;       // for one batch row, for example [units]
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_KERAS_STATE_SPEC_H_

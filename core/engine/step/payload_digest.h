// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_ENGINE_STEP_PAYLOAD_DIGEST_H_
#define RNNSERVE_CORE_ENGINE_STEP_PAYLOAD_DIGEST_H_

#include "absl/types/span.h"
#include "core/batching/step_input.h"
#include "core/session/session_state.h"
#include "core/session/step_decision.h"

namespace rnnserve {

// Returns a digest of the content of a step: two steps with the same digest have the same result if
// they begin at the same state. It does not depend on how the tensors are encoded on the wire, and
// is the same in every build and on every machine.
//
// It is the SHA-256, cut to 16 bytes, of these parts in order, every number as 8 bytes
// little-endian:
//
//   count     only if there are several inputs: minus their number
//   for each input, in the order of the model:
//     tensor  data type, rank, extents, number of bytes, bytes
//     mask    0; or 1 and the tensor
//   states    their number; for each the length and characters of layer and name, and the tensor
//   return_state  0 or 1
//
// A data type is 0 or more, so it is never taken for a count.
PayloadDigest DigestOfStep(absl::Span<const StepInput> inputs,
                           absl::Span<const NamedState> initial_state, bool return_state);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_ENGINE_STEP_PAYLOAD_DIGEST_H_

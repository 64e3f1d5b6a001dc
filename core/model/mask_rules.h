// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MASK_RULES_H_
#define RNNSERVE_CORE_MODEL_MASK_RULES_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace rnnserve {

// The rules by which layers pass on the mask of their input. Keras changed them in 3.16.
enum class MaskRules {
  kKeras30,   // 3.0 to 3.15: layers that loop over time pass it on too, if they return sequences
  kKeras316,  // from 3.16 on: recurrent layers, Bidirectional and TimeDistributed do not
};

// Returns "keras 3.0" or "keras 3.16".
absl::string_view MaskRulesName(MaskRules rules);
// Returns the rules of that name, or nullopt if there are none.
std::optional<MaskRules> MaskRulesFromName(absl::string_view name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MASK_RULES_H_

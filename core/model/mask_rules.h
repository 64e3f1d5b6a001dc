// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_MODEL_MASK_RULES_H_
#define RNNSERVE_CORE_MODEL_MASK_RULES_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace rnnserve {

// Which layers hand the mask of their input on to the next one. Keras has changed it.
enum class MaskRules {
  kKeras30,   // from 3.0 to 3.15: also layers that loop over time, if they return sequences
  kKeras316,  // from 3.16 on: RNN and its kind, Bidirectional and TimeDistributed do not
};

// "keras 3.0", "keras 3.16".
absl::string_view MaskRulesName(MaskRules rules);
// Those of that name; nothing if there are none.
std::optional<MaskRules> MaskRulesFromName(absl::string_view name);

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_MODEL_MASK_RULES_H_

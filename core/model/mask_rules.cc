// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/model/mask_rules.h"

namespace rnnserve {
namespace {

constexpr absl::string_view kKeras30 = "keras 3.0";
constexpr absl::string_view kKeras316 = "keras 3.16";

}  // namespace

absl::string_view MaskRulesName(MaskRules rules) {
  return rules == MaskRules::kKeras30 ? kKeras30 : kKeras316;
}

std::optional<MaskRules> MaskRulesFromName(absl::string_view name) {
  if (name == kKeras30) return MaskRules::kKeras30;
  if (name == kKeras316) return MaskRules::kKeras316;
  return std::nullopt;
}

}  // namespace rnnserve

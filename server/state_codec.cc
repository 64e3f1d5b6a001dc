// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "server/state_codec.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"

namespace rnnserve::server {

absl::StatusOr<std::vector<NamedState>> DecodeStates(const StateTensors& states,
                                                     absl::string_view field,
                                                     TensorStorage& storage) {
  std::vector<NamedState> decoded;
  decoded.reserve(static_cast<size_t>(states.size()));
  for (const v1::StateTensor& state : states) {
    const std::string what = absl::StrCat(field, " ", state.layer(), "/", state.name());
    RNNSERVE_ASSIGN_OR_RETURN(TensorView value, DecodeTensor(state.value(), what, storage));
    decoded.push_back({state.layer(), state.name(), std::move(value)});
  }
  return decoded;
}

void EncodeStates(const std::vector<StateValue>& values, TensorEncoding encoding,
                  StateTensors& states) {
  for (const StateValue& value : values) {
    v1::StateTensor& state = *states.Add();
    state.set_layer(value.layer);
    state.set_name(value.name);
    EncodeTensor(value.shape, value.values, encoding, *state.mutable_value());
  }
}

absl::Status FieldMissing(absl::string_view field) {
  return InvalidArgument("FIELD_MISSING", absl::StrCat(field, " is missing"));
}

absl::Status FieldUnsupported(absl::string_view field) {
  return MakeError(absl::StatusCode::kUnimplemented, "FIELD_UNSUPPORTED",
                   absl::StrCat(field, " is not supported yet"));
}

}  // namespace rnnserve::server

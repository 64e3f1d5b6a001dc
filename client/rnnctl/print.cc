// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/rnnctl/print.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/json_util.h"

namespace rnnserve::client {

std::string ToJson(const google::protobuf::Message& reply) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(reply, &json, options).ok()) return "{}\n";
  return json + "\n";
}

std::string FormatCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  const int first = count < 0 ? 1 : 0;
  for (int i = static_cast<int>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(static_cast<size_t>(i), 1, ' ');
  }
  return digits;
}

std::string FormatDigest(const std::string& digest) { return digest.substr(0, 12); }

std::string FormatInput(const v1::TensorSpec& spec) {
  std::string shape = "[time";
  for (int64_t extent : spec.shape()) absl::StrAppend(&shape, ", ", extent);
  return absl::StrCat(spec.dtype() == v1::DATA_TYPE_FLOAT32 ? "float32 " : "token ids ", shape,
                      "]");
}

std::string FormatInput(const v1::NamedTensorSpec& input) {
  if (input.has_time()) return FormatInput(input.spec());
  return absl::StrCat("float32 ", FormatShape(input.spec().shape()), " for all timesteps");
}

std::string FormatShape(const google::protobuf::RepeatedField<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace rnnserve::client

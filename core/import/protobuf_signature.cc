// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/protobuf_signature.h"

#include <optional>

#include "absl/strings/ascii.h"

namespace rnnserve {
namespace {

using absl::string_view;

// A field of a message: a number, or bytes, of which `bytes` holds those that are in the head.
struct Field {
  uint64_t number = 0;
  bool is_bytes = false;
  uint64_t value = 0;  // the number, or how many bytes the field has
  string_view bytes;
};

// Reads the fields of a message one after the other.
class FieldReader {
 public:
  FieldReader(string_view head, uint64_t message_bytes) : rest_(head), rest_bytes_(message_bytes) {}

  // Returns whether the message ends here. The head may have ended before.
  bool is_at_end() const { return rest_bytes_ == 0; }

  // Returns the next field, or nullopt if the message or the head ends or this is no field. After
  // a field that reaches beyond the head there is no further one.
  std::optional<Field> Next() {
    const std::optional<uint64_t> tag = Varint();
    if (!tag.has_value() || *tag >> 3 == 0) return std::nullopt;
    const uint64_t wire_type = *tag & 7;
    if (wire_type != 0 && wire_type != 2) return std::nullopt;
    const std::optional<uint64_t> value = Varint();
    if (!value.has_value()) return std::nullopt;
    Field field{*tag >> 3, wire_type == 2, *value, {}};
    if (field.is_bytes) {
      field.bytes = rest_.substr(0, field.value);
      // A message that is cut off ends in its last field.
      rest_bytes_ -= std::min(rest_bytes_, field.value);
      rest_.remove_prefix(field.bytes.size());
    }
    return field;
  }

 private:
  std::optional<uint64_t> Varint() {
    constexpr int kBytesMax = 10;
    uint64_t value = 0;
    for (int i = 0; i < kBytesMax && !rest_.empty() && rest_bytes_ > 0; ++i) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      --rest_bytes_;
      value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value;
    }
    return std::nullopt;
  }

  string_view rest_;
  uint64_t rest_bytes_;
};

// A ModelProto of ONNX: first ir_version, then the fields 2 to 6 that say who wrote it, then the
// graph as field 7. Some writers put the opsets, field 8, before the graph.
bool IsOnnx(FieldReader message) {
  bool has_version = false;
  while (const std::optional<Field> field = message.Next()) {
    if (field->number == 7) return has_version && field->is_bytes;
    if (field->number > 8) return false;
    const bool is_number = field->number == 1 || field->number == 5;
    if (field->is_bytes == is_number) return false;
    has_version = has_version || field->number == 1;
  }
  return false;
}

// Both begin with a version and a message. A SavedModel repeats the message up to its end. In a
// model of Core ML the next field is one of 10 and 200 to 3999.
FileFormat SavedModelOrCoreMl(FieldReader message) {
  const std::optional<Field> version = message.Next();
  if (!version.has_value() || version->number != 1 || version->is_bytes) {
    return FileFormat::kUnknown;
  }
  const std::optional<Field> second = message.Next();
  if (!second.has_value() || second->number != 2 || !second->is_bytes) return FileFormat::kUnknown;
  if (message.is_at_end()) return FileFormat::kSavedModel;
  const std::optional<Field> third = message.Next();
  if (!third.has_value()) return FileFormat::kUnknown;
  if (third->number == 2 && third->is_bytes) return FileFormat::kSavedModel;
  const bool is_core_ml = third->number == 10 || (third->number >= 200 && third->number < 4000);
  return is_core_ml ? FileFormat::kCoreMl : FileFormat::kUnknown;
}

// A GraphDef of TensorFlow: nodes, of which each begins with its name and its operation.
bool IsTensorFlowGraph(FieldReader message) {
  const std::optional<Field> node = message.Next();
  if (!node.has_value() || node->number != 1 || !node->is_bytes) return false;
  FieldReader fields(node->bytes, node->value);
  const std::optional<Field> name = fields.Next();
  const std::optional<Field> operation = fields.Next();
  return name.has_value() && name->number == 1 && name->is_bytes && operation.has_value() &&
         operation->number == 2 && operation->is_bytes && !operation->bytes.empty() &&
         absl::ascii_isupper(static_cast<unsigned char>(operation->bytes.front()));
}

}  // namespace

FileFormat FormatOfProtobuf(string_view head, int64_t file_bytes) {
  const FieldReader message(head, static_cast<uint64_t>(file_bytes));
  if (IsOnnx(message)) return FileFormat::kOnnx;
  if (IsTensorFlowGraph(message)) return FileFormat::kTensorFlowGraph;
  return SavedModelOrCoreMl(message);
}

}  // namespace rnnserve

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_OP_CONVERTER_H_
#define RNNSERVE_CORE_IMPORT_ONNX_OP_CONVERTER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// One node while it is converted: its operands, its attributes, and the builder to add operations
// to. It notes which operands and attributes the converter asked for; a node that has others is
// refused, so a converter cannot forget one by accident.
//
// A view of the node and the builder. Used by one thread at a time: the one that imports the file.
class NodeConversion {
 public:
  // `operands` has one entry for each input of the node, nullopt for one that is left out.
  NodeConversion(const OnnxNode& node, int64_t opset,
                 std::vector<std::optional<BuiltValue>> operands, ProgramBuilder& builder)
      : node_(node), opset_(opset), operands_(std::move(operands)), builder_(builder) {}

  // Returns the version of the operator set of the node's domain that the file asks for.
  int64_t opset() const { return opset_; }
  const OnnxNode& node() const { return node_; }
  ProgramBuilder& builder() { return builder_; }

  // Operands, which include the ones left out at the end.
  size_t num_operands() const { return operands_.size(); }
  bool has(size_t operand);
  // Returns the operand. If it is left out: a known scalar 0, and the conversion fails.
  const BuiltValue& operand(size_t index);
  // Returns all operands, for operators with any number of them. If one is left out, the conversion
  // fails.
  std::vector<BuiltValue> operands();
  // Return the elements of an operand that must be known at import, such as the new shape of
  // Reshape. If it is not known or not of that type: empty, and the conversion fails.
  std::vector<int64_t> KnownIntegers(size_t index);
  std::vector<float> KnownFloats(size_t index);

  // Returns whether output number `index` has a name, so that something may read it.
  bool wants(size_t index) const;
  size_t num_outputs() const { return node_.outputs.size(); }

  // Attributes. If one is missing: the default; if it has another kind: the default, and the
  // conversion fails.
  bool has_attribute(absl::string_view name) const;
  int64_t Int(absl::string_view name, int64_t fallback);
  float Float(absl::string_view name, float fallback);
  std::string String(absl::string_view name, absl::string_view fallback);
  std::vector<int64_t> Ints(absl::string_view name, std::vector<int64_t> fallback);
  std::vector<float> Floats(absl::string_view name, std::vector<float> fallback);
  std::vector<std::string> Strings(absl::string_view name, std::vector<std::string> fallback);
  // Null if there is none.
  const OnnxTensor* Tensor(absl::string_view name);
  // Notes an attribute or operand that changes nothing here.
  void Ignore(absl::string_view attribute) { seen_attributes_.emplace(attribute); }
  void IgnoreOperand(size_t index) { seen_operands_.insert(index); }
  // Notes all of them: whoever converts the node has checked them in another way.
  void IgnoreAll();
  // All operands, without noting that the converter asked for them.
  const std::vector<std::optional<BuiltValue>>& optional_operands() const { return operands_; }

  // Returns `axis` counted from 0, for an axis of a tensor of that rank that may count from the end
  // (-1 is the last one). If it is out of range: 0, and the conversion fails.
  int Axis(int64_t axis, int rank);

  // Makes the conversion fail: INVALID_ARGUMENT, reason MODEL_CONFIG. The first failure stays.
  void Fail(absl::string_view text);

  // Returns the first failure. Where a converter indexes into what one of the functions above
  // returned, it checks this first.
  absl::Status status() const { return status_; }

  // Returns the first failure; else an error that names the operands and attributes that were never
  // asked for; else OK.
  absl::Status Check() const;

 private:
  template <typename T>
  T Attribute(absl::string_view name, T fallback, absl::string_view kind);

  const OnnxNode& node_;
  const int64_t opset_;
  const std::vector<std::optional<BuiltValue>> operands_;
  ProgramBuilder& builder_;
  std::set<size_t> seen_operands_;
  std::set<std::string, std::less<>> seen_attributes_;
  absl::Status status_;
};

// Adds the operations of one node to the builder and returns its results, in the order of the
// node's outputs; trailing ones that the node does not name may be missing. Errors: those of the
// builder; INVALID_ARGUMENT or UNIMPLEMENTED, reason MODEL_CONFIG, for a node that is not served,
// with a text that goes on from "node 'lstm_1' (LSTM, opset 14): ".
using OpConverter = absl::StatusOr<std::vector<BuiltValue>> (*)(NodeConversion& node);

// Returns what a converter returns that has one result.
absl::StatusOr<std::vector<BuiltValue>> OneResult(absl::StatusOr<BuiltValue> result);

// Returns UNIMPLEMENTED, reason MODEL_CONFIG, for what an operator could say but is not served.
absl::Status NotServed(absl::string_view text);

// A line of the table of operators. Each file of ops/ has a list of them.
struct NamedConverter {
  absl::string_view op_type;
  OpConverter converter;
  // The first version of the operator set whose nodes the converter understands. Version 7 is the
  // oldest that is read at all.
  int64_t first_opset = 7;
  absl::string_view domain = "";
};

// Returns the converter of an operator, or nullptr if it is not supported. If, Loop, Scan and the
// functions of the file are not here: they are taken apart before (GraphConverter).
const NamedConverter* FindConverter(absl::string_view domain, absl::string_view op_type,
                                    int64_t opset);
// Returns all lines, in no particular order. For tests and tables.
std::vector<NamedConverter> AllConverters();

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_OP_CONVERTER_H_

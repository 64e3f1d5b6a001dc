// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_ONNX_GRAPH_CONVERTER_H_
#define RNNSERVE_CORE_IMPORT_ONNX_GRAPH_CONVERTER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/import/onnx/onnx_graph.h"
#include "core/import/onnx/op_converter.h"
#include "core/import/onnx/program_builder.h"

namespace rnnserve {

// Converts the nodes of a graph into operations of a program. Functions of the file are taken apart
// where they are called. An If takes one branch if its condition is known; else both are computed,
// and the condition chooses between their results. A Loop whose number of passes is known, and a
// Scan, become one copy of their body for each pass.
//
// An operator that is not supported does not fail at once: what depends on it is marked, and the
// error names all of them, if a result depends on one. Nodes behind such an operator are not
// converted, but the error names their operators too if there are none of that name.
//
// A view of the model and the builder. Used by one thread at a time: the one that imports the file.
class GraphConverter {
 public:
  // One pass of a Scan.
  struct ScanPass {
    std::string name;                            // of the node; may be empty
    std::vector<BuiltValue> carried;             // the states before the first pass
    std::vector<BuiltValue> scanned;             // one element of each scanned input
    bool is_reverse = false;                     // passes begin at the end of the inputs
    std::vector<bool> wants;                     // which results of the node are read
    std::map<std::string, BuiltValue> captured;  // what the body reads from outside
    // Converts the body with another builder, for these values in place of the ones above. Returns
    // the states after the pass, and then one element of each stacked output.
    std::function<absl::StatusOr<std::vector<BuiltValue>>(
        ProgramBuilder& builder, const std::vector<BuiltValue>& carried,
        const std::vector<BuiltValue>& scanned, const std::map<std::string, BuiltValue>& captured)>
        convert_body;
  };

  // Converts nodes in another way than the converter. A function that returns nullopt leaves the node
  // to it.
  class Override {
   public:
    virtual ~Override() = default;
    // For nodes that are in the table of operators. `operands` are as for NodeConversion.
    virtual absl::StatusOr<std::optional<std::vector<BuiltValue>>> Convert(
        NodeConversion& node) = 0;
    // For a Scan of one pass, whose inputs and outputs are scanned in the same direction. Returns the
    // states after the last pass, and then one element of each stacked output.
    virtual absl::StatusOr<std::optional<std::vector<BuiltValue>>> ConvertScan(
        ProgramBuilder& /*builder*/, const ScanPass& /*pass*/) {
      return std::nullopt;
    }
  };

  // `override` may be null.
  GraphConverter(const OnnxModel& model, ProgramBuilder& builder, Override* override_nodes);

  // Sets the value of an input of the graph. To be called for all of them before Convert.
  void Define(const std::string& name, BuiltValue value);

  // Converts the nodes that the outputs of the graph depend on, and returns the outputs. Errors:
  //   UNIMPLEMENTED, reason OPERATOR_UNSUPPORTED: operators, or options of them, are not supported;
  //     the text names all of them with their nodes
  //   INVALID_ARGUMENT, reason MODEL_CONFIG: a node is wrong, or reads what no node before it writes
  //   INVALID_ARGUMENT, reason MODEL_TOO_LARGE: a limit of onnx_limits.h is exceeded
  absl::StatusOr<std::vector<BuiltValue>> Convert();

 private:
  // Nullopt: it depends on an operator that is not supported.
  using Slot = std::optional<BuiltValue>;

  // The values that nodes of one graph or function can read.
  struct Scope {
    std::map<std::string, Slot> values;
    const Scope* outer = nullptr;  // of the graph that contains this one; null in a function
    const OnnxOpsets* opsets = nullptr;
    // The attributes of the call of the function that this scope belongs to; null if there is none.
    const std::map<std::string, OnnxAttribute>* arguments = nullptr;
    int depth = 0;
  };

  struct Missing {
    std::string op;                  // "'Foo' of domain 'com.example', opset 3"
    std::vector<std::string> nodes;  // by name
  };

  static const Slot* Find(const Scope& scope, const std::string& name);
  absl::Status ConvertNodes(const std::vector<OnnxNode>& nodes,
                            const std::vector<std::string>& wanted, Scope& scope);
  absl::Status ConvertNode(const OnnxNode& node, Scope& scope);
  // Returns one slot for each output of the node that it has, or fewer.
  absl::StatusOr<std::vector<Slot>> ConvertOperator(const OnnxNode& node,
                                                    const std::vector<Slot>& operands,
                                                    Scope& scope);
  absl::StatusOr<std::vector<Slot>> ConvertTableOperator(const OnnxNode& node,
                                                         const std::vector<Slot>& operands,
                                                         int64_t opset);
  absl::StatusOr<std::vector<Slot>> ConvertCall(const OnnxFunction& function, const OnnxNode& node,
                                                const std::vector<Slot>& operands,
                                                const Scope& scope);
  absl::StatusOr<std::vector<Slot>> ConvertIf(const OnnxNode& node,
                                              const std::vector<Slot>& operands, Scope& scope);
  absl::StatusOr<std::vector<Slot>> ConvertLoop(const OnnxNode& node,
                                                const std::vector<Slot>& operands, Scope& scope);
  absl::StatusOr<std::vector<Slot>> ConvertScan(const OnnxNode& node,
                                                const std::vector<Slot>& operands, Scope& scope);
  // Converts the body of a node with these inputs and returns its outputs.
  absl::StatusOr<std::vector<Slot>> ConvertBody(const OnnxGraph& graph,
                                                const std::vector<Slot>& inputs,
                                                const Scope& scope);
  // Leaves a Scan to the override. `operands` are the states and then one element of each scanned
  // input.
  absl::StatusOr<std::optional<std::vector<Slot>>> OverrideScan(const OnnxNode& node,
                                                                const OnnxGraph& body,
                                                                const std::vector<Slot>& operands,
                                                                bool is_reverse,
                                                                const Scope& scope);
  absl::StatusOr<Slot> Choose(const BuiltValue& condition, const Slot& then_value,
                              const Slot& else_value);
  // Joins the results of passes along a new axis.
  absl::StatusOr<Slot> Stack(const std::vector<Slot>& passes, int64_t axis);
  // Adds the node to those whose operator is missing.
  void AddMissing(const OnnxNode& node, int64_t opset);
  absl::Status MissingError() const;

  const OnnxModel& model_;
  ProgramBuilder& builder_;
  Override* const override_;
  Scope root_;
  int64_t num_conversions_ = 0;
  std::map<std::string, Missing> missing_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_ONNX_GRAPH_CONVERTER_H_

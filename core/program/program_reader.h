// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_PROGRAM_PROGRAM_READER_H_
#define RNNSERVE_CORE_PROGRAM_PROGRAM_READER_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/program/program.h"
#include "core/program/text_fields.h"

namespace rnnserve {

// Builds a program from its text: declares the values, resolves names, and turns overlaps and
// numbers among the operands into states, operations and literals. It leaves everything else to
// CheckProgramText. Internal to this folder; the interface is ReadProgram.
//
// A view of the text, which must outlive it. Used by one thread at a time: the one that reads.
class ProgramReader {
 public:
  explicit ProgramReader(const nlohmann::json& text) : text_(text) {}

  // Errors: as ReadProgram, but the texts do not name the program.
  absl::StatusOr<Program> Read() &&;

 private:
  using Json = nlohmann::json;
  using ValueId = Program::ValueId;

  absl::Status CheckVersion() const;
  absl::Status CheckOperationNames() const;

  absl::Status DeclareInputs(const Json& inputs);
  absl::Status AddOverlap(const TextFields& fields, ValueId input);
  absl::Status DeclareStates(const Json& states);
  absl::Status DeclareConstants(const Json& constants);
  absl::Status DeclareWeights(const Json& weights);
  absl::Status DeclareLiterals(const Json& literals);
  absl::Status DeclareLiteral(const std::string& name, const Json& literal);

  absl::Status ReadOperation(const Json& operation, size_t number);
  absl::StatusOr<std::vector<ValueId>> ReadOperands(OpCode code, const TextFields& fields);
  absl::StatusOr<std::vector<ValueId>> ReadResults(const Json& operation, const TextFields& fields);
  absl::StatusOr<ElementType> TypeOfNumber(OpCode code, const Json& operands,
                                           size_t position) const;
  // Returns the literal of a number or truth value among the operands.
  absl::StatusOr<ValueId> Number(const Json& number, ElementType type, const TextFields& fields);

  absl::Status ReadNextStates(const Json& states);
  absl::Status ReadOutputs(const Json& outputs);

  // Adds a value. Errors: the name is taken or not allowed. `place` is where it is declared.
  absl::StatusOr<ValueId> AddValue(const std::string& name, ElementType type, Shape shape,
                                   absl::string_view place);
  // Adds an operation on known values with one result.
  absl::StatusOr<ValueId> AddOperation(OpCode code, std::vector<ValueId> operands,
                                       Attributes attributes, const std::string& name,
                                       absl::string_view place);
  absl::StatusOr<ValueId> Find(const std::string& name, const TextFields& fields) const;
  // Returns the optional list or object under a key of the program; an empty one if it is absent.
  absl::StatusOr<const Json*> Section(absl::string_view key, bool is_object) const;

  const Json& text_;
  const Json* operations_ = nullptr;  // its list of them
  Program program_;
  // The values that the names in the text stand for.
  absl::flat_hash_map<std::string, ValueId> names_;
  // The literals of numbers among the operands, by type and bits.
  absl::flat_hash_map<std::pair<ElementType, uint32_t>, ValueId> numbers_;
  int64_t num_literal_elements_ = 0;
  size_t num_added_ = 0;  // operations that are not in the text
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_PROGRAM_PROGRAM_READER_H_

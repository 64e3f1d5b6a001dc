// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/program/program_fault.h"

#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "core/base/error.h"
#include "core/program/compiled_program.h"
#include "core/program/program_interpreter.h"
#include "core/program/program_work.h"
#include "core/program/read_program.h"
#include "tests/core/program/compiled_run.h"

namespace rnnserve::testing {
namespace {

using Json = nlohmann::json;

// The elements and the work of programs that are run, so that one takes milliseconds.
constexpr int64_t kRunElementsMax = 100000;
constexpr int64_t kRunWorkMax = 10 * kRunElementsMax;

// Weights of any name and shape.
class AnyWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view, const Shape& shape) override {
    kept_.emplace_back(static_cast<size_t>(shape.NumElements().value()), 0.5f);
    return absl::MakeConstSpan(kept_.back());
  }

 private:
  std::deque<std::vector<float>> kept_;
};

bool IsCheapToRun(const Program& program) {
  int64_t elements = 0;
  for (const Program::Value& value : program.values) {
    elements += value.shape.NumElements().value();
    if (elements > kRunElementsMax) return false;
  }
  int64_t work = 0;
  for (const Program::Operation& operation : program.operations) {
    work += WorkOf(program, operation);
    if (work > kRunWorkMax) return false;
  }
  return true;
}

std::string FaultOfReason(const absl::Status& status, const std::set<std::string>& reasons) {
  if (status.message().size() > 4000) return "a text of over 4000 bytes";
  return reasons.contains(ErrorReason(status)) ? "" : status.ToString();
}

std::string FaultOfRunning(const Program& program) {
  AnyWeights weights;
  const std::set<std::string> reasons = {"MODEL_CONFIG", "MODEL_WEIGHTS", "MODEL_TOO_LARGE"};
  const auto interpreter = ProgramInterpreter::Create(program, weights);
  if (!interpreter.ok()) return FaultOfReason(interpreter.status(), reasons);
  const auto compiled = CompiledProgram::Create(program, weights);
  if (!compiled.ok()) return FaultOfReason(compiled.status(), reasons);
  const std::vector<Row> rows = {RandomRow(program, 1), RandomRow(program, 2),
                                 RandomRow(program, 3)};
  interpreter->Run(rows[0]);
  CompiledRun batch(**compiled, rows);
  batch.Run(/*projects=*/false);
  for (const bool projects : {false, true}) {
    CompiledRun alone(**compiled, {rows[2]});
    alone.Run(projects);
    if (!SameBits(alone.result(0), batch.result(2))) return "other bits in a batch";
  }
  return "";
}

}  // namespace

std::string ProgramFault(const Json& text, bool& is_read) {
  const auto program = ReadProgram(text, "program");
  is_read = program.ok();
  if (!is_read) {
    return FaultOfReason(program.status(), {"PROGRAM_INVALID", "PROGRAM_UNSUPPORTED",
                                            "PROGRAM_VERSION", "MODEL_TOO_LARGE"});
  }
  if (const absl::Status status = CheckProgram(*program, "read"); !status.ok()) {
    return status.ToString();
  }
  const Json written = WriteProgram(*program);
  const auto again = ReadProgram(written, "written");
  if (!again.ok()) return again.status().ToString();
  if (WriteProgram(*again) != written) return "is written in another way";
  return IsCheapToRun(*program) ? FaultOfRunning(*program) : "";
}

}  // namespace rnnserve::testing

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Measures steps of an ONNX model with states beside ONNX Runtime, on one thread: one timestep of B
// rows. Our side is CompiledProgram::Step of the imported program; theirs is Run with bound inputs
// and outputs. Both read their states and write the next ones elsewhere, and neither copies anything
// around a call. Where the graph has no batch axis, or cannot use it, ONNX Runtime is called once for
// each row. Before the measurement, the results of both are compared.
//
//   onnx_bench MODEL.onnx [--onnxruntime LIBRARY] [--isa NAME] [--batch B]... [--magnitudes 1]
//              [--set NAME=VALUE] ... (the flags of rnnserve-import)
//
// Without LIBRARY, our side is measured alone. --magnitudes 1: the inputs are not negative. Prints a
// line of JSON for each batch; times are in microseconds.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/aligned_buffer.h"
#include "core/base/status_macros.h"
#include "core/import/onnx/graph_reader.h"
#include "core/import/onnx/input_plan.h"
#include "core/import/onnx/onnx_options.h"
#include "core/import/onnx/state_pairs.h"
#include "core/import/onnx/step_import.h"
#include "core/kernels/flush_denormals.h"
#include "core/kernels/isa.h"
#include "core/model/weight_table.h"
#include "core/program/compiled_program.h"
#include "tests/bench/onnx/onnxruntime_model.h"
#include "tests/bench/timed_calls.h"

namespace rnnserve::testing {
namespace {

constexpr int kSlices = 15;
constexpr double kSliceSeconds = 5e-3;
// How far the results may be apart, of the largest value of a tensor.
constexpr float kTolerance = 1e-4f;

struct Settings {
  std::string model;
  std::string library;
  std::vector<int64_t> batches;
  bool has_magnitudes = false;
  OnnxOptions options;
};

// Columns with memory of their own.
class Memory {
 public:
  Memory(int64_t rows, int64_t cols)
      : buffer_(ColumnsSize(rows, cols)), columns_{buffer_.data(), rows, cols, PaddedRows(rows)} {}
  Columns columns() const { return columns_; }

 private:
  AlignedBuffer buffer_;
  Columns columns_;
};

int64_t SizeOf(const Program& program, Program::ValueId id) {
  return *program.values[id].shape.NumElements();
}

// Steps of the imported program for a batch. The states alternate between two copies.
class OurSteps {
 public:
  OurSteps(const CompiledProgram& compiled, int64_t batch)
      : compiled_(compiled), scratch_(compiled.scratch_size(batch)) {
    const Program& program = compiled.program();
    for (const Program::ValueId id : program.inputs) x_.emplace_back(SizeOf(program, id), batch);
    for (size_t i = 0; i < program.states.size(); ++i) {
      for (auto& copy : states_) copy.emplace_back(SizeOf(program, program.states[i].value), batch);
      const absl::Span<const float> initial = compiled.initial_state(i);
      for (int64_t b = 0; b < batch; ++b) {
        std::copy(initial.begin(), initial.end(), states_[0].back().columns().column(b));
      }
    }
    for (const Program::Output& output : program.outputs) {
      y_.emplace_back(SizeOf(program, output.value), batch);
    }
    for (const Memory& x : x_) inputs_.push_back(x.columns());
    for (const Memory& y : y_) outputs_.push_back(y.columns());
    for (size_t i = 0; i < 2; ++i) {
      for (const Memory& state : states_[i]) {
        from_[i].push_back(state.columns());
        to_[i].push_back(state.columns());
      }
    }
  }

  void Step() {
    CompiledProgram::Arguments step;
    step.inputs = inputs_;
    step.states = from_[turn_];
    step.next_states = to_[1 - turn_];
    step.outputs = outputs_;
    step.scratch = scratch_.data();
    compiled_.Step(step);
    turn_ = 1 - turn_;
  }

  Columns input(size_t i) const { return x_[i].columns(); }
  Columns output(size_t i) const { return y_[i].columns(); }
  Columns state(size_t i) const { return states_[turn_][i].columns(); }

 private:
  const CompiledProgram& compiled_;
  std::vector<Memory> x_, y_, states_[2];
  std::vector<ConstColumns> inputs_, from_[2];
  std::vector<Columns> outputs_, to_[2];
  AlignedBuffer scratch_;
  size_t turn_ = 0;
};

// Returns where a row of `size` elements is in a tensor of `batch` rows: its elements [i, i + inner)
// are at place(i).
struct RowPlaces {
  RowPlaces(const std::vector<int64_t>& row_shape, int batch_axis) {
    for (size_t i = 0; i < row_shape.size(); ++i) {
      if (batch_axis >= 0 && i > static_cast<size_t>(batch_axis)) inner *= row_shape[i];
      if (batch_axis < 0) inner *= row_shape[i];
    }
  }
  int64_t Place(int64_t i, int64_t row, int64_t batch) const {
    return (i / inner * batch + row) * inner + i % inner;
  }
  int64_t inner = 1;
};

// The same steps in ONNX Runtime: one call for all rows, or one for each.
class TheirSteps {
 public:
  // Errors: UNIMPLEMENTED, if the graph does not take `batch` rows in one call.
  static absl::StatusOr<std::unique_ptr<TheirSteps>> Create(const Settings& settings,
                                                            const InputPlan& plan,
                                                            const Program& program,
                                                            const OurSteps& ours, int64_t batch,
                                                            bool is_batched);

  void Step() {
    for (const size_t call : calls_) model_->Run(call);
  }
  size_t num_calls() const { return calls_.size(); }

  // Returns the largest difference between our results after one step and theirs, as a part of the
  // largest value of a tensor.
  float Difference(const Program& program, const InputPlan& plan, const OurSteps& ours) const;

 private:
  absl::Status Prepare(const InputPlan& plan, const Program& program, const OurSteps& ours,
                       int64_t first, int64_t rows);

  std::unique_ptr<OnnxRuntimeModel> model_;
  std::vector<std::unique_ptr<std::vector<float>>> floats_;
  std::vector<std::unique_ptr<std::vector<int64_t>>> integers_;
  std::vector<size_t> calls_;
};

// The outputs that are compared: those of the program, then the next states.
std::vector<std::string> ResultNames(const InputPlan& plan, const Program& program) {
  std::vector<std::string> names;
  for (const Program::Output& output : program.outputs) names.push_back(output.name);
  for (const InputPlan::Input& input : plan.inputs) {
    if (!input.next.empty()) names.push_back(input.next);
  }
  return names;
}

absl::Status TheirSteps::Prepare(const InputPlan& plan, const Program& program,
                                 const OurSteps& ours, int64_t first, int64_t rows) {
  std::vector<OnnxRuntimeModel::Input> inputs;
  size_t next_input = 0;
  size_t next_state = 0;
  for (const InputPlan::Input& input : plan.inputs) {
    OnnxRuntimeModel::Input given;
    given.name = input.name;
    if (input.fixed.has_value()) {
      given.is_integer = input.type != ElementType::kFloat32;
      given.shape.assign(input.fixed->shape.extents().begin(), input.fixed->shape.extents().end());
      if (given.is_integer) {
        integers_.push_back(std::make_unique<std::vector<int64_t>>(input.fixed->integers()));
        given.data = integers_.back()->data();
        given.bytes = integers_.back()->size() * sizeof(int64_t);
      } else {
        floats_.push_back(std::make_unique<std::vector<float>>(input.fixed->floats()));
        given.data = floats_.back()->data();
        given.bytes = floats_.back()->size() * sizeof(float);
      }
      inputs.push_back(std::move(given));
      continue;
    }
    std::vector<int64_t> shape(input.shape.extents().begin(), input.shape.extents().end());
    const RowPlaces places(shape, input.batch_axis);
    if (input.batch_axis >= 0) shape[static_cast<size_t>(input.batch_axis)] = rows;
    const Columns from = input.next.empty() ? ours.input(next_input++) : ours.state(next_state++);
    floats_.push_back(std::make_unique<std::vector<float>>(static_cast<size_t>(from.rows * rows)));
    for (int64_t b = 0; b < rows; ++b) {
      for (int64_t i = 0; i < from.rows; ++i) {
        (*floats_.back())[static_cast<size_t>(places.Place(i, b, rows))] =
            from.column(first + b)[i];
      }
    }
    given.shape = std::move(shape);
    given.data = floats_.back()->data();
    given.bytes = floats_.back()->size() * sizeof(float);
    inputs.push_back(std::move(given));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const size_t call, model_->Prepare(inputs, ResultNames(plan, program)));
  calls_.push_back(call);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<TheirSteps>> TheirSteps::Create(const Settings& settings,
                                                               const InputPlan& plan,
                                                               const Program& program,
                                                               const OurSteps& ours, int64_t batch,
                                                               bool is_batched) {
  auto steps = std::make_unique<TheirSteps>();
  std::ifstream file(settings.model, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
  RNNSERVE_ASSIGN_OR_RETURN(steps->model_, OnnxRuntimeModel::Load(settings.library, content));
  if (is_batched) {
    for (const InputPlan::Input& input : plan.inputs) {
      if (!input.fixed.has_value() && input.batch_axis < 0) {
        return absl::UnimplementedError(absl::StrCat("'", input.name, "' has no batch axis"));
      }
    }
    RNNSERVE_RETURN_IF_ERROR(steps->Prepare(plan, program, ours, 0, batch));
  } else {
    for (int64_t b = 0; b < batch; ++b) {
      RNNSERVE_RETURN_IF_ERROR(steps->Prepare(plan, program, ours, b, 1));
    }
  }
  return steps;
}

float TheirSteps::Difference(const Program& program, const InputPlan& plan,
                             const OurSteps& ours) const {
  float worst = 0.0f;
  std::vector<std::pair<Columns, const InputPlan::Input*>> results;
  for (size_t i = 0; i < program.outputs.size(); ++i) results.push_back({ours.output(i), nullptr});
  size_t state = 0;
  for (const InputPlan::Input& input : plan.inputs) {
    if (!input.next.empty()) results.push_back({ours.state(state++), &input});
  }
  for (size_t call = 0; call < calls_.size(); ++call) {
    for (size_t i = 0; i < results.size(); ++i) {
      const auto& [columns, input] = results[i];
      const int64_t rows = columns.cols / static_cast<int64_t>(calls_.size());
      // An output has its batch axis in front.
      RowPlaces places({columns.rows}, 0);
      places.inner = columns.rows;
      if (input != nullptr) {
        places = RowPlaces({input->shape.extents().begin(), input->shape.extents().end()},
                           input->batch_axis);
      }
      const float* const theirs = model_->outputs(calls_[call])[i];
      float largest = 1e-3f;
      float difference = 0.0f;
      for (int64_t b = 0; b < rows; ++b) {
        for (int64_t k = 0; k < columns.rows; ++k) {
          const float wanted = theirs[places.Place(k, b, rows)];
          const float found = columns.column(static_cast<int64_t>(call) * rows + b)[k];
          largest = std::max(largest, std::abs(wanted));
          const float apart = std::abs(found - wanted);
          if (!(apart <= difference)) difference = apart;
        }
      }
      if (!(difference / largest <= worst)) worst = difference / largest;
    }
  }
  return worst;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

absl::Status Measure(const Settings& settings, const InputPlan& plan,
                     const CompiledProgram& compiled, int64_t batch) {
  OurSteps ours(compiled, batch);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, settings.has_magnitudes ? 1.0f : 0.1f);
  for (size_t i = 0; i < compiled.program().inputs.size(); ++i) {
    const Columns x = ours.input(i);
    for (int64_t b = 0; b < batch; ++b) {
      for (int64_t k = 0; k < x.rows; ++k) {
        const float value = normal(random);
        x.column(b)[k] = settings.has_magnitudes ? std::abs(value) : value;
      }
    }
  }
  nlohmann::json line = {{"batch", batch}};
  std::unique_ptr<TheirSteps> theirs;
  if (!settings.library.empty()) {
    auto batched = TheirSteps::Create(settings, plan, compiled.program(), ours, batch,
                                      /*is_batched=*/batch > 1);
    if (!batched.ok() && batch > 1) {
      line["why_not_batched"] = std::string(batched.status().message());
      batched = TheirSteps::Create(settings, plan, compiled.program(), ours, batch, false);
    }
    RNNSERVE_RETURN_IF_ERROR(batched.status());
    theirs = *std::move(batched);
    line["calls"] = theirs->num_calls();
  }
  ours.Step();
  if (theirs != nullptr) {
    const float difference = theirs->Difference(compiled.program(), plan, ours);
    line["difference"] = difference;
    if (!(difference <= kTolerance)) {
      return absl::InternalError(
          absl::StrCat("with ", batch, " rows the results differ by ", difference));
    }
  }
  const TimedCalls our_calls([&] { ours.Step(); }, kSliceSeconds);
  std::optional<TimedCalls> their_calls;
  if (theirs != nullptr) their_calls.emplace([&] { theirs->Step(); }, kSliceSeconds);
  std::vector<double> our_us, their_us, ratios;
  for (int i = 0; i < kSlices; ++i) {
    our_us.push_back(our_calls.Slice() * 1e6);
    if (!their_calls.has_value()) continue;
    their_us.push_back(their_calls->Slice() * 1e6);
    ratios.push_back(their_us.back() / our_us.back());
  }
  line["ours_us"] = Median(our_us);
  if (their_calls.has_value()) {
    line["theirs_us"] = Median(their_us);
    line["ratios"] = ratios;
  }
  std::cout << line.dump() << std::endl;
  return absl::OkStatus();
}

absl::Status Run(const Settings& settings) {
  RNNSERVE_ASSIGN_OR_RETURN(const OnnxModel model, ReadOnnxFile(settings.model));
  RNNSERVE_ASSIGN_OR_RETURN(const auto states, PairStates(model.graph, settings.options));
  RNNSERVE_ASSIGN_OR_RETURN(const InputPlan plan,
                            PlanInputs(model.graph, settings.options, states, {}));
  RNNSERVE_ASSIGN_OR_RETURN(ProgramBuilder::Result built,
                            ImportStep(model, settings.options, states));
  WeightTableSource weights(built.weights);
  RNNSERVE_ASSIGN_OR_RETURN(const auto compiled,
                            CompiledProgram::Create(std::move(built.program), weights));
  for (const int64_t batch : settings.batches) {
    RNNSERVE_RETURN_IF_ERROR(Measure(settings, plan, *compiled, batch));
  }
  return absl::OkStatus();
}

[[noreturn]] void Fail(const std::string& text) {
  std::cerr << "onnx_bench: " << text << "\n";
  std::exit(1);
}

void SetIsa(const std::string& name) {
  const std::optional<Isa> isa = IsaFromName(name);
  const std::vector<Isa> supported = SupportedIsas();
  if (!isa || std::find(supported.begin(), supported.end(), *isa) == supported.end()) {
    Fail(absl::StrCat("this processor has no instruction set '", name, "'"));
  }
  SetActiveIsa(*isa);
}

Settings ReadArguments(int argc, char** argv) {
  if (argc < 2 || argc % 2 != 0) Fail("the arguments are a model, and flags with their values");
  Settings settings;
  settings.model = argv[1];
  for (int i = 2; i < argc; i += 2) {
    absl::string_view flag = argv[i];
    const std::string value = argv[i + 1];
    if (!absl::ConsumePrefix(&flag, "--")) Fail(absl::StrCat("'", flag, "' is no flag"));
    if (flag == "onnxruntime") {
      settings.library = value;
    } else if (flag == "isa") {
      SetIsa(value);
    } else if (flag == "magnitudes") {
      settings.has_magnitudes = value == "1";
    } else if (flag == "batch") {
      int64_t batch = 0;
      if (!absl::SimpleAtoi(value, &batch) || batch < 1) Fail("--batch takes a number of rows");
      settings.batches.push_back(batch);
    } else {
      const std::vector<absl::string_view> known = OnnxFlags();
      if (std::find(known.begin(), known.end(), flag) == known.end()) {
        Fail(absl::StrCat("there is no flag --", flag));
      }
      const absl::Status added = AddOnnxFlag(flag, value, settings.options);
      if (!added.ok()) Fail(std::string(added.message()));
    }
  }
  if (settings.batches.empty()) settings.batches = {1, 4, 16};
  return settings;
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) {
  const auto settings = rnnserve::testing::ReadArguments(argc, argv);
  const rnnserve::FlushDenormals flush;
  const absl::Status status = rnnserve::testing::Run(settings);
  if (status.ok()) return 0;
  std::cerr << "onnx_bench: " << status << "\n";
  return 1;
}

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/program/compiled_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/kernels/random.h"
#include "core/program/read_program.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

int64_t SizeOf(const Program& program, Program::ValueId id) {
  return program.values[id].shape.NumElements().value_or(0);
}

std::vector<float> RandomValues(const Program& program, Program::ValueId id, uint64_t key) {
  std::vector<float> values(static_cast<size_t>(SizeOf(program, id)));
  for (size_t i = 0; i < values.size(); ++i) {
    const double uniform = RandomUniform(key, i);
    switch (program.values[id].type) {
      case ElementType::kFloat32:
        values[i] = static_cast<float>(uniform * 4 - 2);
        break;
      case ElementType::kInt32:
        values[i] = static_cast<float>(std::floor(uniform * 12) - 4);
        break;
      case ElementType::kBool:
        values[i] = uniform < 0.5 ? 0.0f : 1.0f;
        break;
    }
  }
  return values;
}

std::vector<ColumnBatch> Batches(const std::vector<Row>& rows,
                                 std::vector<std::vector<float>> Row::*member) {
  std::vector<ColumnBatch> batches;
  for (size_t i = 0; i < (rows[0].*member).size(); ++i) {
    std::vector<std::vector<float>> columns;
    for (const Row& row : rows) columns.push_back((row.*member)[i]);
    batches.emplace_back(columns);
  }
  return batches;
}

template <typename View>
std::vector<View> Views(std::vector<ColumnBatch>& batches) {
  std::vector<View> views;
  for (ColumnBatch& batch : batches) views.push_back(batch.columns());
  return views;
}

bool SameBits(const std::vector<std::vector<float>>& a, const std::vector<std::vector<float>>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size()) return false;
    for (size_t k = 0; k < a[i].size(); ++k) {
      if (std::isnan(a[i][k]) && std::isnan(b[i][k])) continue;
      if (std::memcmp(&a[i][k], &b[i][k], sizeof(float)) != 0) return false;
    }
  }
  return a.size() == b.size();
}

void ExpectNear(const std::vector<std::vector<float>>& actual,
                const std::vector<std::vector<float>>& expected, double tolerance,
                const std::string& what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    ASSERT_EQ(actual[i].size(), expected[i].size());
    double scale = 1;  // The arguments are of this order.
    for (const float value : expected[i]) {
      if (std::isfinite(value)) scale = std::max<double>(scale, std::fabs(value));
    }
    for (size_t k = 0; k < actual[i].size(); ++k) {
      const float a = actual[i][k];
      const float e = expected[i][k];
      if (std::isnan(a) && std::isnan(e)) continue;
      if (a == e) continue;
      EXPECT_TRUE(std::fabs(double{a} - double{e}) <= tolerance * scale)
          << what << " " << i << ", element " << k << ": " << a << " instead of " << e;
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace

Program ReadOrDie(const std::string& text) {
  const auto program = ReadProgram(nlohmann::json::parse(text), "program");
  EXPECT_TRUE(program.ok()) << program.status() << text;
  return program.value_or(Program());
}

WeightMap RandomWeights(const Program& program, unsigned seed) {
  WeightMap weights;
  for (const Program::ValueId id : program.weights) {
    // Sums over the first axis stay of the order of one, so that differences of them are exact
    // enough to be compared.
    const Shape& shape = program.values[id].shape;
    const auto extent = static_cast<float>(shape.rank() > 0 ? shape[0] : 1);
    weights.AddRandom(program.values[id].name, shape, ++seed, 1.0f / std::sqrt(extent));
  }
  return weights;
}

Row RandomRow(const Program& program, unsigned seed) {
  Row row;
  uint64_t key = uint64_t{seed} << 32;
  for (const Program::ValueId id : program.inputs) {
    row.inputs.push_back(RandomValues(program, id, ++key));
  }
  for (const Program::State& state : program.states) {
    row.states.push_back(RandomValues(program, state.value, ++key));
  }
  for (const Program::ValueId id : program.constants) {
    row.constants.push_back(RandomValues(program, id, ++key));
  }
  return row;
}

CompiledRun::CompiledRun(const CompiledProgram& program, const std::vector<Row>& rows)
    : program_(program),
      batch_(static_cast<int64_t>(rows.size())),
      inputs_(Batches(rows, &Row::inputs)),
      states_(Batches(rows, &Row::states)),
      constants_(Batches(rows, &Row::constants)),
      prepared_(program.prepared_rows(), batch_),
      projection_(program.projection_rows(), batch_),
      scratch_(program.scratch_size(batch_)) {
  const Program& text = program.program();
  for (const Program::Output& output : text.outputs) {
    outputs_.emplace_back(SizeOf(text, output.value), batch_);
  }
  for (const Program::State& state : text.states) {
    next_states_.emplace_back(SizeOf(text, state.next), batch_);
  }
  input_columns_ = Views<ConstColumns>(inputs_);
  state_columns_ = Views<ConstColumns>(states_);
  constant_columns_ = Views<ConstColumns>(constants_);
  output_columns_ = Views<Columns>(outputs_);
  next_columns_ = Views<Columns>(next_states_);
}

void CompiledRun::Run(bool projects, Team* team) {
  const auto scratch = scratch_.span();
  std::fill(scratch.begin(), scratch.end(), kNan);
  program_.Prepare(constant_columns_, prepared_.columns(), scratch_.data());
  std::fill(scratch.begin(), scratch.end(), kNan);
  CompiledProgram::Arguments step;
  if (projects && program_.projection_rows() > 0) {
    program_.Project(input_columns_, constant_columns_, prepared_.columns(), projection_.columns(),
                     scratch_.data());
    std::fill(scratch.begin(), scratch.end(), kNan);
    step.projection = projection_.columns();
  } else {
    step.inputs = input_columns_;
  }
  step.states = state_columns_;
  step.constants = constant_columns_;
  step.prepared = prepared_.columns();
  step.outputs = output_columns_;
  step.next_states = next_columns_;
  step.scratch = scratch_.data();
  step.team = team;
  program_.Step(step);
}

Result CompiledRun::result(size_t row) const {
  Result result;
  const auto b = static_cast<int64_t>(row);
  for (const ColumnBatch& batch : outputs_) result.outputs.push_back(batch.values(b));
  for (const ColumnBatch& batch : next_states_) result.next_states.push_back(batch.values(b));
  return result;
}

bool SameBits(const Result& a, const Result& b) {
  return SameBits(a.outputs, b.outputs) && SameBits(a.next_states, b.next_states);
}

void ExpectAgrees(const Program& program, WeightMap& weights, const std::vector<Row>& rows,
                  double tolerance) {
  const auto compiled = CompiledProgram::Create(program, weights);
  ASSERT_THAT(compiled, IsOk());
  const auto interpreter = ProgramInterpreter::Create(program, weights);
  ASSERT_THAT(interpreter, IsOk());
  CompiledRun all(**compiled, rows);
  all.Run(/*projects=*/false);
  for (size_t i = 0; i < rows.size(); ++i) {
    const Result expected = interpreter->Run(rows[i]);
    const Result actual = all.result(i);
    ExpectNear(actual.outputs, expected.outputs, tolerance, "output");
    ExpectNear(actual.next_states, expected.next_states, tolerance, "state");
    if (::testing::Test::HasFailure()) return;
  }
  for (const size_t batch : {1, 2, 3, 7, 17}) {
    for (const bool projects : {false, true}) {
      if (batch > rows.size()) continue;
      const size_t first = rows.size() - batch;
      CompiledRun run(**compiled, {rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end()});
      run.Run(projects);
      for (size_t i = 0; i < batch; ++i) {
        EXPECT_TRUE(SameBits(run.result(i), all.result(first + i)))
            << "row " << i << " of " << batch << (projects ? ", projected" : "");
      }
    }
  }
}

}  // namespace rnnserve::testing

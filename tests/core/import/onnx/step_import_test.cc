// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Whole graphs as programs of one row.

#include "core/import/onnx/step_import.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/import/onnx/npy_file.h"
#include "core/import/onnx/state_pairs.h"
#include "core/program/program_interpreter.h"
#include "tests/core/import/onnx/onnx_file.h"

namespace rnnserve::testing {
namespace {

absl::StatusOr<ProgramBuilder::Result> Import(const onnx::ModelProto& proto,
                                              const OnnxOptions& options = {}) {
  const OnnxModel model = Read(proto);
  const auto states = PairStates(model.graph, options);
  if (!states.ok()) return states.status();
  return ImportStep(model, options, *states);
}

ProgramInterpreter::Result RunStep(const ProgramBuilder::Result& built,
                                   const ProgramInterpreter::Row& row) {
  WeightTableSource weights(built.weights);
  return ProgramInterpreter::Create(built.program, weights)->Run(row);
}

TEST(StepImportTest, HasTheNamesOfTheFileAndRowsWithoutTheBatch) {
  const auto built = Import(Accumulator());

  ASSERT_TRUE(built.ok()) << built.status();
  const Program& program = built->program;
  EXPECT_EQ(program.values[program.inputs[0]].name, "x");
  EXPECT_EQ(program.values[program.inputs[0]].shape, (Shape{2}));
  EXPECT_EQ(program.values[program.states[0].value].name, "h");
  EXPECT_EQ(program.values[program.states[0].value].shape, (Shape{1, 2}));
  ASSERT_EQ(program.outputs.size(), 1u);
  EXPECT_EQ(program.outputs[0].name, "y");
  const auto result = RunStep(*built, {{{1, 2}}, {{10, 20}}, {}});
  EXPECT_EQ(result.outputs[0], (std::vector<float>{11, 22}));
  EXPECT_EQ(result.next_states[0], (std::vector<float>{11, 22}));
}

TEST(StepImportTest, GivesTheSameProgramEveryTime) {
  const auto a = Import(Accumulator());
  const auto b = Import(Accumulator());

  ASSERT_EQ(a->program.values.size(), b->program.values.size());
  for (size_t i = 0; i < a->program.values.size(); ++i) {
    EXPECT_EQ(a->program.values[i].name, b->program.values[i].name);
  }
}

TEST(StepImportTest, PutsTheEndOfTheLastFrameInFrontOfTheNext) {
  onnx::ModelProto model = EmptyOnnx();
  AddInput(*model.mutable_graph(), "x", {"1", "3"});
  AddOutput(*model.mutable_graph(), "y", {"1", "3"});
  AddNode(*model.mutable_graph(), "Relu", {"x"}, {"y"});
  OnnxOptions options;
  options.overlap["x"] = 1;

  const auto built = Import(model, options);

  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->program.values[built->program.inputs[0]].shape, (Shape{2}));
  const auto result = RunStep(*built, {{{1, 2}}, {{7}}, {}});
  EXPECT_EQ(result.outputs[0], (std::vector<float>{7, 1, 2}));
  EXPECT_EQ(result.next_states[0], std::vector<float>{2});
  options.overlap["x"] = 3;
  EXPECT_THAT(Import(model, options),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_CONFIG", "from 1 to 2"));
}

TEST(StepImportTest, RefusesANextValueOfAnotherSize) {
  onnx::ModelProto model = Accumulator();
  AddFloats(*model.mutable_graph(), "w", {2, 3}, {1, 2, 3, 4, 5, 6});
  AddNode(*model.mutable_graph(), "MatMul", {"y", "w"}, {"wide"});
  AddOutput(*model.mutable_graph(), "wide", {"batch", ""});
  OnnxOptions options;
  options.state["h"] = "wide";

  EXPECT_THAT(Import(model, options),
              IsError(absl::StatusCode::kInvalidArgument, "ONNX_STATES", "'wide'"));
}

TEST(StepImportTest, ReadsTheInitialState) {
  std::string npy("\x93NUMPY\x01\x00\x46\x00", 10);
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";
  header.resize(70, ' ');
  const float values[] = {3, 4};
  npy += header + std::string(reinterpret_cast<const char*>(values), sizeof(values));

  EXPECT_EQ(ReadNpy(npy, "h0.npy")->floats(), (std::vector<float>{3, 4}));
  EXPECT_EQ(ReadNpy(npy, "h0.npy")->shape, (Shape{1, 2}));
  EXPECT_THAT(ReadNpy(npy.substr(0, npy.size() - 1), "h0.npy"),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "7 bytes"));
  EXPECT_THAT(ReadNpy("PK", "h0.npy"),
              IsError(absl::StatusCode::kInvalidArgument, "MODEL_WEIGHTS", "numpy.save"));
}

}  // namespace
}  // namespace rnnserve::testing

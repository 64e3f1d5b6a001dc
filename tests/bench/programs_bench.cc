// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Measures steps of compiled programs on one thread: LSTM and GRU beside the fused cells, and cells
// with a matrix as state beside the time that it takes to read their weights, to multiply by them
// (the longer of the two counts) and to copy their states once. Both sides of a row take turns; a
// row is the median of the ratios of its slices. Also measures how long LoadBundle takes for the
// files of a program with 10 MB of weights.
//
//   programs_bench [--isa=NAME] [--filter=TEXT] [--check]
//
// --check ends with 1 if a row misses its goal.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/aligned_buffer.h"
#include "core/cells/cell.h"
#include "core/cells/cell_registry.h"
#include "core/kernels/flush_denormals.h"
#include "core/kernels/isa.h"
#include "core/layers/layer_registry.h"
#include "core/model/bundle.h"
#include "core/model/model.h"
#include "core/program/compiled_program.h"
#include "core/program/read_program.h"
#include "tests/bench/ceilings.h"
#include "tests/bench/timed_calls.h"
#include "tests/support/program_texts.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/weight_map.h"

namespace rnnserve::testing {
namespace {

constexpr int kSlices = 15;
constexpr double kSliceSeconds = 2e-3;
constexpr double kFusedRatioGoal = 1.15;  // a program's time by that of the fused cell, at most
constexpr double kFloorPercentGoal = 70;  // the floor by a program's time, at least
constexpr double kLoadGoalMs = 100;       // for 10 MB of weights, at most

struct Settings {
  std::string filter;
  bool checks = false;
  bool is_missed = false;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Returns the time of a call in the slice that was disturbed least.
double Fastest(const TimedCalls& calls) {
  double fastest = calls.Slice();
  for (int i = 1; i < kSlices; ++i) fastest = std::min(fastest, calls.Slice());
  return fastest;
}

// Columns with memory of their own, filled with small values.
class Memory {
 public:
  Memory(int64_t rows, int64_t cols)
      : buffer_(ColumnsSize(rows, cols)), columns_{buffer_.data(), rows, cols, PaddedRows(rows)} {
    for (int64_t i = 0; i < buffer_.size(); ++i) {
      buffer_.data()[i] = static_cast<float>(i % 17) * 0.01f;
    }
  }
  Columns columns() const { return columns_; }

 private:
  AlignedBuffer buffer_;
  Columns columns_;
};

WeightMap WeightsOf(const Program& program) {
  WeightMap weights;
  unsigned seed = 1;
  for (const Program::ValueId id : program.weights) {
    weights.AddRandom(program.values[id].name, program.values[id].shape, seed++, 0.1f);
  }
  return weights;
}

Program ReadText(const std::string& text) {
  auto program = ReadProgram(nlohmann::json::parse(text), "program");
  if (!program.ok()) {
    std::cerr << program.status() << "\n";
    std::exit(1);
  }
  return *std::move(program);
}

// Steps of a compiled program that alternate between two copies of the states.
class ProgramSteps {
 public:
  ProgramSteps(const std::string& text, int64_t batch) {
    Program program = ReadText(text);
    WeightMap weights = WeightsOf(program);
    for (const Program::ValueId id : program.inputs) {
      x_.emplace_back(*program.values[id].shape.NumElements(), batch);
    }
    for (const Program::State& state : program.states) {
      const int64_t size = *program.values[state.value].shape.NumElements();
      state_bytes_ += size * batch * int64_t{sizeof(float)};
      for (auto& copy : states_) copy.emplace_back(size, batch);
    }
    for (const Program::Output& output : program.outputs) {
      y_.emplace_back(*program.values[output.value].shape.NumElements(), batch);
    }
    compiled_ = *CompiledProgram::Create(std::move(program), weights);
    scratch_ = AlignedBuffer(compiled_->scratch_size(batch));
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
    compiled_->Step(step);
    turn_ = 1 - turn_;
  }

  int64_t state_bytes() const { return state_bytes_; }
  const CompiledProgram& compiled() const { return *compiled_; }

 private:
  std::unique_ptr<const CompiledProgram> compiled_;
  std::vector<Memory> x_, y_, states_[2];
  std::vector<ConstColumns> inputs_, from_[2];
  std::vector<Columns> outputs_, to_[2];
  AlignedBuffer scratch_;
  int64_t state_bytes_ = 0;
  size_t turn_ = 0;
};

// Steps of a built-in cell.
class CellSteps {
 public:
  CellSteps(const std::string& name, int64_t units, int64_t batch)
      : x_(units, batch), y_(units, batch) {
    const int64_t gates = name == "LSTMCell" ? 4 : 3;
    WeightMap weights;
    weights.AddRandom("kernel", {units, gates * units}, 1, 0.1f);
    weights.AddRandom("recurrent_kernel", {units, gates * units}, 2, 0.1f);
    const Shape bias = gates == 4 ? Shape{4 * units} : Shape{2, 3 * units};
    weights.AddRandom("bias", bias, 3, 0.1f);
    const nlohmann::json text = {{"class_name", name}, {"config", {{"units", units}}}};
    cell_ = *CellRegistry::BuiltIn().Create(KerasConfig(text, name), Shape{units}, weights);
    scratch_ = AlignedBuffer(cell_->scratch_size(batch));
    for (size_t i = 0; i < 2; ++i) {
      for (size_t s = 0; s < cell_->states().size(); ++s) states_[i].emplace_back(units, batch);
      for (const Memory& state : states_[i]) {
        from_[i].push_back(state.columns());
        to_[i].push_back(state.columns());
      }
    }
  }

  void Step() {
    CellStep step;
    step.x = x_.columns();
    step.y = y_.columns();
    step.state = from_[turn_];
    step.next_state = to_[1 - turn_];
    step.scratch = scratch_.data();
    cell_->Step(step);
    turn_ = 1 - turn_;
  }

 private:
  std::unique_ptr<Cell> cell_;
  Memory x_, y_;
  std::vector<Memory> states_[2];
  std::vector<ConstColumns> from_[2];
  std::vector<Columns> to_[2];
  AlignedBuffer scratch_;
  size_t turn_ = 0;
};

// Times two functions by turns. Returns the medians of their times in microseconds, and of the
// ratios of the first to the second.
struct Turns {
  double first_us, second_us, ratio;
};
Turns TakeTurns(const std::function<void()>& first, const std::function<void()>& second) {
  const TimedCalls a(first, kSliceSeconds);
  const TimedCalls b(second, kSliceSeconds);
  std::vector<double> first_us, second_us, ratios;
  for (int i = 0; i < kSlices; ++i) {
    first_us.push_back(a.Slice() * 1e6);
    second_us.push_back(b.Slice() * 1e6);
    ratios.push_back(first_us.back() / second_us.back());
  }
  return {Median(first_us), Median(second_us), Median(ratios)};
}

void Report(Settings& settings, const std::string& name, const std::string& text, bool is_met) {
  std::printf("%-34s %s%s\n", name.c_str(), text.c_str(), is_met ? "" : "   MISSED");
  std::fflush(stdout);
  settings.is_missed = settings.is_missed || !is_met;
}

bool IsWanted(const Settings& settings, const std::string& name) {
  return absl::StrContains(name, settings.filter);
}

std::string Number(double value, int digits = 2) {
  char text[32];
  std::snprintf(text, sizeof(text), "%9.*f", digits, value);
  return text;
}

void BesideFusedCells(Settings& settings) {
  for (const std::string cell : {"LSTMCell", "GRUCell"}) {
    for (const int64_t units : {64, 128, 256, 512}) {
      for (const int64_t batch : {1, 4, 16, 64}) {
        const std::string name = absl::StrCat(cell, "/H:", units, "/B:", batch);
        if (!IsWanted(settings, name)) continue;
        ProgramSteps program(cell == "LSTMCell" ? LstmText(units, units) : GruText(units, units),
                             batch);
        CellSteps fused(cell, units, batch);
        const Turns turns = TakeTurns([&] { program.Step(); }, [&] { fused.Step(); });
        Report(settings, name,
               absl::StrCat("program ", Number(turns.first_us), " us, fused ",
                            Number(turns.second_us), " us, ratio ", Number(turns.ratio)),
               turns.ratio <= kFusedRatioGoal);
      }
    }
  }
}

volatile float sink;

void BesideTheFloor(Settings& settings) {
  struct Row {
    std::string name;
    std::string text;
  };
  const Row rows[] = {{"mLSTM/4x64", MlstmText(4, 64)},
                      {"mLSTM/4x128", MlstmText(4, 128)},
                      {"GatedDeltaNet/4x64", GatedDeltaNetText(4, 64)},
                      {"GatedDeltaNet/2x128", GatedDeltaNetText(2, 128)},
                      {"RWKV-7/4x64", Rwkv7Text(4, 64)},
                      {"RWKV-7/8x64", Rwkv7Text(8, 64)},
                      {"Mamba/256x16", MambaText(256, 16)},
                      {"Mamba/512x16", MambaText(512, 16)}};
  for (const Row& row : rows) {
    for (const int64_t batch : {1, 4, 16}) {
      const std::string name = absl::StrCat(row.name, "/B:", batch);
      if (!IsWanted(settings, name)) continue;
      ProgramSteps program(row.text, batch);
      const int64_t weights = program.compiled().parameter_bytes() / int64_t{sizeof(float)};
      const AlignedBuffer read((weights + kReadQuantum - 1) / kReadQuantum * kReadQuantum);
      const int64_t states = program.state_bytes() / int64_t{sizeof(float)};
      Memory from(states, 1);
      Memory to(states, 1);
      // The multiplications of a step as the rounds that take as long.
      double operations = 0;
      sink = MultiplyAndAdd(1000, &operations);
      const double wanted = 2.0 * static_cast<double>(weights * batch);
      const auto rounds = static_cast<int64_t>(wanted / operations * 1000);
      const TimedCalls reading([&] { sink = ReadAll(read, 2); }, kSliceSeconds);
      const TimedCalls multiplying(
          [&] {
            double ignored = 0;
            sink = MultiplyAndAdd(rounds, &ignored);
          },
          kSliceSeconds);
      const bool multiplies = Fastest(multiplying) > Fastest(reading);
      const auto floor = [&] {
        double ignored = 0;
        sink = multiplies ? MultiplyAndAdd(rounds, &ignored) : ReadAll(read, 2);
        Copy(from.columns(), to.columns());
        std::swap(from, to);
      };
      const Turns turns = TakeTurns(floor, [&] { program.Step(); });
      const double percent = 100 * turns.ratio;
      Report(settings, name,
             absl::StrCat("step ", Number(turns.second_us), " us, floor ", Number(turns.first_us),
                          " us (", multiplies ? "multiplying" : "reading", "), ",
                          Number(percent, 1), " %"),
             percent >= kFloorPercentGoal);
    }
  }
}

// Gives a model random weights and keeps them for its bundle.
class BundleWeights final : public WeightSource {
 public:
  absl::StatusOr<absl::Span<const float>> Weight(absl::string_view name,
                                                 const Shape& shape) override {
    const std::string key(name);
    random_.AddRandom(key, shape, static_cast<unsigned>(table_.size()), 0.1f);
    const std::vector<float>& values = random_.values(key);
    AlignedBuffer& buffer = table_[key].values;
    buffer = AlignedBuffer(static_cast<int64_t>(values.size()));
    std::copy(values.begin(), values.end(), buffer.data());
    table_[key].shape = shape;
    return random_.Weight(name, shape);
  }
  WeightTable& table() { return table_; }

 private:
  WeightMap random_;
  WeightTable table_;
};

// Writes a bundle of a recurrent layer whose cell is a program of 10 MB, and loads it.
void Loading(Settings& settings) {
  const std::string name = "load/bundle of 10 MB";
  if (!IsWanted(settings, name)) return;
  constexpr int64_t kUnits = 560;  // 8 * 560 * 560 floats are 10 MB
  const nlohmann::json program = nlohmann::json::parse(LstmText(kUnits, kUnits));
  const nlohmann::json cell = {{"class_name", "ProgramCell"},
                               {"registered_name", "rnnserve>ProgramCell"},
                               {"config", {{"name", "cell"}, {"program", program}}}};
  const nlohmann::json input = {
      {"class_name", "InputLayer"},
      {"config", {{"name", "input"}, {"batch_shape", {nullptr, nullptr, kUnits}}}}};
  const nlohmann::json rnn = {{"class_name", "RNN"}, {"config", {{"name", "rnn"}, {"cell", cell}}}};
  Bundle bundle;
  bundle.model = {{"class_name", "Sequential"},
                  {"config", {{"name", "bench"}, {"layers", {input, rnn}}}}};
  BundleWeights weights;
  const auto built = Model::Create(KerasConfig(bundle.model, "model 'bench'"), weights,
                                   LayerRegistry::BuiltIn(), /*digest=*/"");
  bundle.weights = std::move(weights.table());
  const TemporaryFolder folder;
  const std::string path = folder.path() / "bundle";
  const absl::Status written = WriteBundle(bundle, path, IfBundleExists::kFail);
  if (!built.ok() || !written.ok()) {
    std::cerr << built.status() << " " << written << "\n";
    std::exit(1);
  }
  std::vector<double> times;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto model = LoadBundle(path, LayerRegistry::BuiltIn());
    const std::chrono::duration<double, std::milli> taken =
        std::chrono::steady_clock::now() - begin;
    if (!model.ok()) std::exit(1);
    times.push_back(taken.count());
  }
  Report(settings, name, absl::StrCat("files, checks and plan ", Number(Median(times)), " ms"),
         Median(times) <= kLoadGoalMs);
}

void ReadArguments(int argc, char** argv, Settings& settings) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--check") {
      settings.checks = true;
    } else if (absl::ConsumePrefix(&argument, "--filter=")) {
      settings.filter = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--isa=")) {
      const std::optional<Isa> isa = IsaFromName(argument);
      const std::vector<Isa> supported = SupportedIsas();
      if (!isa || *isa == Isa::kPortable ||
          std::find(supported.begin(), supported.end(), *isa) == supported.end()) {
        std::cerr << "this processor has no instruction set '" << argument << "'\n";
        std::exit(1);
      }
      SetActiveIsa(*isa);
    } else {
      std::cerr << "programs_bench knows --isa=NAME, --filter=TEXT and --check, not '" << argument
                << "'\n";
      std::exit(1);
    }
  }
}

}  // namespace
}  // namespace rnnserve::testing

int main(int argc, char** argv) {
  using namespace rnnserve::testing;
  Settings settings;
  ReadArguments(argc, argv, settings);
  const rnnserve::FlushDenormals flush;
  std::printf("instruction set %s\n", std::string(IsaName(rnnserve::ActiveIsa())).c_str());
  BesideFusedCells(settings);
  BesideTheFloor(settings);
  Loading(settings);
  return settings.checks && settings.is_missed ? 1 : 0;
}

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests sessions of models with several inputs and outputs: they are exact, durable and batched
// like any other, and calls that do not fit the model change nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/owned_tensor.h"
#include "tests/support/recording_observer.h"
#include "tests/support/shared_snapshot_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_models.h"

namespace rnnserve::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The inputs of PairModel in one step, of the given timesteps. Owns the tensors.
struct PairInputs {
  PairInputs(const std::vector<float>& a_values, const std::vector<float>& b_values, float c_value)
      : a(OwnedTensor::Floats({static_cast<int64_t>(a_values.size()), 1}, a_values)),
        b(OwnedTensor::Floats({static_cast<int64_t>(b_values.size()), 1}, b_values)),
        c(OwnedTensor::Floats({1}, {c_value})) {}

  NamedInputs named() const { return {{"a", a, {}}, {"b", b, {}}, {"c", c, {}}}; }

  OwnedTensor a;
  OwnedTensor b;
  OwnedTensor c;
};

std::vector<float> ValuesOf(const StepResult& result, size_t i) {
  const FloatValues& values = result.outputs.at(i).values;
  return {values.begin(), values.end()};
}

// Two engines that share a snapshot store, with the models "pair" and "decoder".
class EngineNamedTensorsTest : public ::testing::Test {
 protected:
  EngineNamedTensorsTest() {
    for (std::unique_ptr<Engine>* engine : {&engine_, &other_}) MakeEngine({}, *engine);
    Open("pair", "s").IgnoreError();
  }

  void MakeEngine(EngineOptions options, std::unique_ptr<Engine>& engine) {
    DurabilityConfig durability{std::make_unique<SharedSnapshotStore>(store_),
                                SnapshotKeys(SnapshotKey(SnapshotKey::Secret{7})),
                                {}};
    options.workers = 1;
    options.max_timesteps = 100;
    engine = std::make_unique<Engine>(clock_, observer_, options, std::move(durability));
    engine->AddModel("pair", PairModel()).IgnoreError();
    engine->AddModel("decoder", DecoderModel()).IgnoreError();
  }

  absl::StatusOr<OpenedSession> Open(const std::string& model, const std::string& id) {
    OpenSessionCall call;
    call.model = model;
    call.session_id = id;
    call.durability = Durability::kSync;
    call.reply_window = 4;
    Answer<OpenedSession> answer;
    engine_->OpenSession(call, answer.callback());
    return answer.Wait();
  }
  static absl::StatusOr<StepResult> StepOn(Engine& engine, const std::string& id,
                                           NamedInputs inputs,
                                           std::optional<uint64_t> index = std::nullopt) {
    StepCall call;
    call.session_id = id;
    call.inputs = std::move(inputs);
    call.step_index = index;
    Answer<StepResult> answer;
    engine.Step(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<StepResult> Step(const std::string& id, NamedInputs inputs,
                                  std::optional<uint64_t> index = std::nullopt) {
    return StepOn(*engine_, id, std::move(inputs), index);
  }
  absl::StatusOr<StepSessionsResult> StepSessions(StepSessionsCall call) {
    call.model = "pair";
    Answer<StepSessionsResult> answer;
    engine_->StepSessions(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<InferResult> Infer(const std::string& model, NamedInputs inputs) {
    InferCall call;
    call.model = model;
    call.inputs = std::move(inputs);
    Answer<InferResult> answer;
    engine_->Infer(std::move(call), answer.callback());
    return answer.Wait();
  }
  // Returns the version of a session and all its states.
  std::vector<float> Snap(const std::string& id) {
    Answer<SessionStateResult> answer;
    engine_->GetState(id, answer.callback());
    const auto result = answer.Wait();
    std::vector<float> values = {static_cast<float>(result->version)};
    for (const StateValue& state : result->state) values.push_back(state.values.at(0));
    return values;
  }
  // Expects a step of session "s" to be refused without a trace.
  void ExpectRefused(NamedInputs inputs, const std::string& reason, const std::string& text) {
    ASSERT_THAT(Step("s", PairInputs({1}, {2}, 3).named()), IsOk());
    const std::vector<float> before = Snap("s");

    EXPECT_THAT(Step("s", std::move(inputs)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text), reason));
    EXPECT_EQ(Snap("s"), before);
  }

  FakeClock clock_;
  RecordingEngineObserver observer_;
  MemorySnapshotStore store_{clock_, MemorySnapshotStore::Pace::kAtOnce};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Engine> other_;
};

TEST_F(EngineNamedTensorsTest, AStepGivesEveryOutputWithItsNameAndShape) {
  const auto result = Step("s", PairInputs({1, 2}, {10, 20}, 100).named());

  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->outputs.size(), 2u);
  EXPECT_EQ(result->outputs[0].name, "sum");
  EXPECT_EQ(result->outputs[0].shape, Shape({2, 1}));
  EXPECT_THAT(result->outputs[0].values, ElementsAre(111, 344));
  EXPECT_EQ(result->outputs[1].name, "ten");
  EXPECT_EQ(result->outputs[1].shape, Shape({1}));
  EXPECT_THAT(result->outputs[1].values, ElementsAre(40));
  EXPECT_THAT(Snap("s"), ElementsAre(1, 344, 4));
}

TEST_F(EngineNamedTensorsTest, TheOrderOfTheInputsDoesNotMatter) {
  const PairInputs inputs({1, 2}, {10, 20}, 100);

  const auto result = Step("s", {{"c", inputs.c, {}}, {"b", inputs.b, {}}, {"a", inputs.a, {}}}, 0);
  const auto again = Step("s", inputs.named(), 0);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(ValuesOf(*result, 0), ElementsAre(111, 344));
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
}

TEST_F(EngineNamedTensorsTest, EachInputHasAMaskOfItsOwn) {
  const PairInputs inputs({1, 1}, {1, 1}, 0);
  const TensorView skips_first{DataType::kBool, {2}, absl::string_view("\0\1", 2)};

  const auto result =
      Step("s", {{"a", inputs.a, skips_first}, {"b", inputs.b, {}}, {"c", inputs.c, {}}});

  ASSERT_THAT(result, IsOk());
  // 'sum' reads a + b, which counts because b does; 'last' reads a alone.
  EXPECT_THAT(ValuesOf(*result, 0), ElementsAre(2, 6));
  EXPECT_THAT(ValuesOf(*result, 1), ElementsAre(10));
}

TEST_F(EngineNamedTensorsTest, AnyCutOfASequenceGivesTheBitsOfInfer) {
  constexpr size_t kTime = 23;
  std::mt19937 random(5);
  std::uniform_real_distribution<float> values(-0.25f, 0.25f);
  std::vector<float> a(kTime), b(kTime);
  for (size_t t = 0; t < kTime; ++t) a[t] = values(random), b[t] = values(random);
  const OwnedTensor whole_a = OwnedTensor::Floats({1, kTime, 1}, a);
  const OwnedTensor whole_b = OwnedTensor::Floats({1, kTime, 1}, b);
  const OwnedTensor whole_c = OwnedTensor::Floats({1, 1}, {0.125f});
  const auto whole = Infer("pair", {{"a", whole_a, {}}, {"b", whole_b, {}}, {"c", whole_c, {}}});
  ASSERT_THAT(whole, IsOk());

  for (int cut = 0; cut < 10; ++cut) {
    const std::string id = "cut" + std::to_string(cut);
    ASSERT_THAT(Open("pair", id), IsOk());
    std::vector<float> sums;
    std::vector<float> ten;
    for (size_t t = 0; t < kTime;) {
      const auto begin = static_cast<ptrdiff_t>(t);
      const size_t count = std::min(kTime - t, 1 + random() % 7);
      const auto end = begin + static_cast<ptrdiff_t>(count);
      const PairInputs inputs({a.begin() + begin, a.begin() + end},
                              {b.begin() + begin, b.begin() + end}, 0.125f);
      const auto step = Step(id, inputs.named());
      ASSERT_THAT(step, IsOk());
      const std::vector<float> sum = ValuesOf(*step, 0);
      sums.insert(sums.end(), sum.begin(), sum.end());
      ten = ValuesOf(*step, 1);
      t += count;
    }
    EXPECT_EQ(sums, whole->outputs[0].values) << "cut " << cut;
    EXPECT_EQ(ten, whole->outputs[1].values) << "cut " << cut;
  }
}

TEST_F(EngineNamedTensorsTest, AStepThatIsSentAgainIsAnsweredWithEveryOutput) {
  const PairInputs inputs({1, 2}, {10, 20}, 100);
  const auto first = Step("s", inputs.named(), 0);
  ASSERT_THAT(first, IsOk());

  const auto again = Step("s", inputs.named(), 0);

  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
  ASSERT_EQ(again->outputs.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(again->outputs[i].name, first->outputs[i].name);
    EXPECT_EQ(again->outputs[i].shape, first->outputs[i].shape);
    EXPECT_EQ(again->outputs[i].values, first->outputs[i].values);
  }
  EXPECT_EQ(Snap("s")[0], 1);
}

TEST_F(EngineNamedTensorsTest, AnIndexWithOtherContentInAnyInputIsRefused) {
  ASSERT_THAT(Step("s", PairInputs({1, 2}, {10, 20}, 100).named(), 0), IsOk());

  for (const PairInputs& other :
       {PairInputs({1, 3}, {10, 20}, 100), PairInputs({1, 2}, {10, 21}, 100),
        PairInputs({1, 2}, {10, 20}, 101), PairInputs({10, 20}, {1, 2}, 100)}) {
    EXPECT_THAT(Step("s", other.named(), 0), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                      HasSubstr("step 0"), "STEP_REUSED"));
  }
}

TEST_F(EngineNamedTensorsTest, AnIndexWithAnotherMaskOfAnyInputIsRefused) {
  const PairInputs inputs({1, 2}, {10, 20}, 100);
  const TensorView mask{DataType::kBool, {2}, absl::string_view("\1\0", 2)};
  const NamedInputs a_masked = {{"a", inputs.a, mask}, {"b", inputs.b, {}}, {"c", inputs.c, {}}};
  const NamedInputs b_masked = {{"a", inputs.a, {}}, {"b", inputs.b, mask}, {"c", inputs.c, {}}};
  ASSERT_THAT(Step("s", b_masked, 0), IsOk());

  EXPECT_TRUE(Step("s", b_masked, 0)->is_replayed);
  for (const NamedInputs& other : {a_masked, inputs.named()}) {
    EXPECT_THAT(Step("s", other, 0), StatusIs(absl::StatusCode::kFailedPrecondition,
                                              HasSubstr("step 0"), "STEP_REUSED"));
  }
}

TEST_F(EngineNamedTensorsTest, EveryKeptReplyHasTheShapesAndStatesOfItsOwnStep) {
  const auto step = [&](uint64_t index, const PairInputs& inputs) {
    StepCall call;
    call.session_id = "s";
    call.inputs = inputs.named();
    call.step_index = index;
    call.return_state = index == 1;
    Answer<StepResult> answer;
    engine_->Step(std::move(call), answer.callback());
    return answer.Wait();
  };
  const PairInputs steps[] = {
      {{1, 2, 3}, {10, 20, 30}, 100}, {{4}, {40}, 100}, {{5, 6}, {50, 60}, 100}};
  std::vector<StepResult> results;
  for (uint64_t i = 0; i < 3; ++i) {
    const auto result = step(i, steps[i]);
    ASSERT_THAT(result, IsOk());
    results.push_back(*result);
  }

  for (uint64_t i = 0; i < 3; ++i) {
    const auto again = step(i, steps[i]);

    ASSERT_THAT(again, IsOk());
    EXPECT_TRUE(again->is_replayed);
    EXPECT_EQ(again->version, i + 1);
    ASSERT_EQ(again->outputs.size(), 2u);
    for (size_t k = 0; k < 2; ++k) {
      EXPECT_EQ(again->outputs[k].name, results[i].outputs[k].name);
      EXPECT_EQ(again->outputs[k].shape, results[i].outputs[k].shape);
      EXPECT_EQ(again->outputs[k].values, results[i].outputs[k].values);
    }
    ASSERT_EQ(again->state.size(), results[i].state.size());
    EXPECT_EQ(again->state.size(), i == 1 ? 2u : 0u);
    for (size_t k = 0; k < again->state.size(); ++k) {
      EXPECT_EQ(again->state[k].values, results[i].state[k].values);
    }
  }
}

TEST_F(EngineNamedTensorsTest, ASpilledSessionComesBackWithItsStatesAndReplies) {
  EngineOptions options;
  options.sessions.max_sessions = 3;
  MakeEngine(options, engine_);
  ASSERT_THAT(Open("pair", "spilled"), IsOk());
  const PairInputs inputs({1, 2}, {10, 20}, 100);
  ASSERT_THAT(Step("spilled", inputs.named(), 0), IsOk());
  for (const char* id : {"x", "y", "z"}) {
    clock_.Advance(absl::Seconds(1));
    ASSERT_THAT(Open("pair", id), IsOk());
  }
  ASSERT_GE(engine_->num_spilled_sessions(), 1);

  const auto again = Step("spilled", inputs.named(), 0);
  const auto next = Step("spilled", PairInputs({1}, {1}, 1).named(), 1);

  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
  EXPECT_THAT(ValuesOf(*again, 0), ElementsAre(111, 344));
  EXPECT_THAT(ValuesOf(*again, 1), ElementsAre(40));
  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(ValuesOf(*next, 0), ElementsAre(691));
  EXPECT_THAT(ValuesOf(*next, 1), ElementsAre(90));
}

TEST_F(EngineNamedTensorsTest, AnotherServerGoesOnFromTheStoreAndReplaysEveryOutput) {
  const PairInputs inputs({1, 2}, {10, 20}, 100);
  const auto first = Step("s", inputs.named(), 0);
  ASSERT_THAT(first, IsOk());

  const auto again = StepOn(*other_, "s", inputs.named(), 0);
  const auto next = StepOn(*other_, "s", PairInputs({1}, {1}, 1).named(), 1);

  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->is_replayed);
  EXPECT_EQ(again->outputs[0].shape, Shape({2, 1}));
  EXPECT_EQ(ValuesOf(*again, 0), ValuesOf(*first, 0));
  EXPECT_EQ(ValuesOf(*again, 1), ValuesOf(*first, 1));
  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(ValuesOf(*next, 0), ElementsAre(2 * 344 + 3));
  EXPECT_THAT(ValuesOf(*next, 1), ElementsAre(10 * (2 * 4 + 1)));
}

TEST_F(EngineNamedTensorsTest, AForkAndAnImportGoOnFromTheSameState) {
  ASSERT_THAT(Step("s", PairInputs({1, 2}, {10, 20}, 100).named()), IsOk());
  Answer<ExportedSession> exported;
  engine_->ExportSession("s", exported.callback());
  const auto snapshot = exported.Wait();
  ASSERT_THAT(snapshot, IsOk());
  Answer<OpenedSession> imported;
  engine_->ImportSession({snapshot->snapshot, "imported", Durability::kNone}, imported.callback());
  ASSERT_THAT(imported.Wait(), IsOk());
  ForkSessionCall fork;
  fork.session_id = "s";
  fork.fork_ids = {"fork"};
  Answer<ForkedSession> forked;
  engine_->ForkSession(fork, forked.callback());
  ASSERT_THAT(forked.Wait(), IsOk());

  for (const char* id : {"s", "imported", "fork"}) {
    const auto next = Step(id, PairInputs({1}, {1}, 1).named());
    ASSERT_THAT(next, IsOk());
    EXPECT_THAT(ValuesOf(*next, 0), ElementsAre(691)) << id;
    EXPECT_THAT(ValuesOf(*next, 1), ElementsAre(90)) << id;
  }
}

TEST_F(EngineNamedTensorsTest, AResetSetsEveryLayerBack) {
  ASSERT_THAT(Step("s", PairInputs({1, 2}, {10, 20}, 100).named()), IsOk());
  ResetStateCall call;
  call.session_ids = {"s"};
  Answer<int64_t> answer;
  engine_->ResetState(call, answer.callback());
  ASSERT_THAT(answer.Wait(), IsOk());

  const auto result = Step("s", PairInputs({1, 2}, {10, 20}, 100).named());

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(ValuesOf(*result, 0), ElementsAre(111, 344));
  EXPECT_THAT(ValuesOf(*result, 1), ElementsAre(40));
}

TEST_F(EngineNamedTensorsTest, StepSessionsTakesAndGivesARowOfEveryTensor) {
  for (const char* id : {"t", "u"}) ASSERT_THAT(Open("pair", id), IsOk());
  const OwnedTensor a = OwnedTensor::Floats({3, 2, 1}, {1, 2, 0, 0, 1, 1});
  const OwnedTensor b = OwnedTensor::Floats({3, 2, 1}, {10, 20, 0, 0, 0, 0});
  const OwnedTensor c = OwnedTensor::Floats({3, 1}, {100, 5, 0});
  StepSessionsCall call;
  call.session_ids = {"s", "gone", "u"};
  call.inputs = {{"b", b, {}}, {"a", a, {}}, {"c", c, {}}};
  call.step_indices = {0, 0, 0};

  const auto result = StepSessions(call);
  const auto again = StepSessions(call);

  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->outputs.size(), 2u);
  EXPECT_EQ(result->outputs[0].name, "sum");
  EXPECT_EQ(result->outputs[0].shape, Shape({3, 2, 1}));
  EXPECT_THAT(result->outputs[0].values, ElementsAre(111, 344, 0, 0, 1, 3));
  EXPECT_EQ(result->outputs[1].shape, Shape({3, 1}));
  EXPECT_THAT(result->outputs[1].values, ElementsAre(40, 0, 30));
  EXPECT_EQ(result->errors.size(), 1u);
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->replayed_rows, ElementsAre(0, 2));
  EXPECT_EQ(again->outputs[0].values, result->outputs[0].values);
  EXPECT_EQ(again->outputs[1].values, result->outputs[1].values);
  // A row may also be sent again by itself.
  EXPECT_TRUE(Step("s", PairInputs({1, 2}, {10, 20}, 100).named(), 0)->is_replayed);
}

TEST_F(EngineNamedTensorsTest, StepSessionsRefusesOnlyTheRowWithOtherContentInAnyInput) {
  ASSERT_THAT(Open("pair", "t"), IsOk());
  const OwnedTensor a = OwnedTensor::Floats({2, 1, 1}, {1, 2});
  const OwnedTensor b = OwnedTensor::Floats({2, 1, 1}, {10, 20});
  const OwnedTensor other_b = OwnedTensor::Floats({2, 1, 1}, {10, 21});
  const OwnedTensor c = OwnedTensor::Floats({2, 1}, {100, 200});
  const TensorView mask{DataType::kBool, {2, 1}, absl::string_view("\1\0", 2)};
  StepSessionsCall call;
  call.session_ids = {"s", "t"};
  call.inputs = {{"a", a, {}}, {"b", b, {}}, {"c", c, {}}};
  call.step_indices = {0, 0};
  const auto first = StepSessions(call);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(first->errors, IsEmpty());

  // An all-true mask is not the same as none, so that a masked row is refused in either row.
  for (const NamedInput& other : {NamedInput{"b", other_b, {}}, NamedInput{"b", b, mask}}) {
    StepSessionsCall changed = call;
    changed.inputs[1] = other;
    const auto result = StepSessions(changed);

    ASSERT_THAT(result, IsOk());
    const size_t num_refused = other.mask.has_value() ? 2 : 1;
    ASSERT_EQ(result->errors.size(), num_refused);
    EXPECT_EQ(result->errors.back().first, 1u);
    for (const auto& [row, status] : result->errors) {
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("step 0"),
                                   "STEP_REUSED"));
    }
    if (num_refused == 2) continue;
    EXPECT_THAT(result->replayed_rows, ElementsAre(0));
    EXPECT_THAT(result->outputs[0].values, ElementsAre(111, 0));
    EXPECT_THAT(result->outputs[1].values, ElementsAre(10, 0));
  }
}

TEST_F(EngineNamedTensorsTest, StepSessionsOnAnotherServerReplaysAndGoesOn) {
  ASSERT_THAT(Open("pair", "t"), IsOk());
  const OwnedTensor a = OwnedTensor::Floats({2, 1, 1}, {1, 2});
  const OwnedTensor b = OwnedTensor::Floats({2, 1, 1}, {10, 20});
  const OwnedTensor c = OwnedTensor::Floats({2, 1}, {100, 200});
  StepSessionsCall call;
  call.session_ids = {"s", "t"};
  call.inputs = {{"a", a, {}}, {"b", b, {}}, {"c", c, {}}};
  call.step_indices = {0, 0};
  ASSERT_THAT(StepSessions(call), IsOk());
  for (const char* id : {"s", "t"}) {
    Answer<OpenedSession> attached;
    other_->AttachSession(id, attached.callback());
    ASSERT_THAT(attached.Wait(), IsOk());
  }
  engine_.swap(other_);

  const auto again = StepSessions(call);
  call.step_indices = {1, 1};
  const auto next = StepSessions(call);

  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(again->replayed_rows, ElementsAre(0, 1));
  EXPECT_THAT(again->outputs[0].values, ElementsAre(111, 222));
  EXPECT_THAT(again->outputs[1].values, ElementsAre(10, 20));
  ASSERT_THAT(next, IsOk());
  EXPECT_THAT(next->errors, IsEmpty());
  EXPECT_THAT(next->outputs[0].values, ElementsAre(333, 666));
  EXPECT_THAT(next->outputs[1].values, ElementsAre(30, 60));
}

TEST_F(EngineNamedTensorsTest, StepSessionsGivesNoOutputsIfAllFail) {
  const OwnedTensor zeros = OwnedTensor::Zeros({1, 1, 1});
  StepSessionsCall call;
  call.session_ids = {"gone"};
  const OwnedTensor c = OwnedTensor::Zeros({1, 1});
  call.inputs = {{"a", zeros, {}}, {"b", zeros, {}}, {"c", c, {}}};

  const auto result = StepSessions(call);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->outputs, IsEmpty());
}

TEST_F(EngineNamedTensorsTest, AReplacedModelWithOtherNamesOrOutputsIsToldApart) {
  ASSERT_THAT(engine_->ReplaceModel("pair", DecoderModel()), IsOk());
  const OwnedTensor x = OwnedTensor::Zeros({1, 1, 1});
  const OwnedTensor h = OwnedTensor::Zeros({1, 1});
  StepSessionsCall call;
  call.session_ids = {"s"};
  call.inputs = {{"x", x, {}}, {"h", h, {}}};

  const auto result = StepSessions(call);

  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->errors.size(), 1u);
  EXPECT_THAT(result->errors[0].second, StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 HasSubstr("use Step"), "MODEL_CHANGED"));
}

TEST_F(EngineNamedTensorsTest, AMissingInputIsNamed) {
  const PairInputs inputs({1}, {2}, 3);
  ExpectRefused({{"a", inputs.a, {}}, {"c", inputs.c, {}}}, "INPUT_MISSING",
                "input 'b' is missing; 2 of 3");
}

TEST_F(EngineNamedTensorsTest, AnUnknownInputIsRefused) {
  const PairInputs inputs({1}, {2}, 3);
  ExpectRefused({{"a", inputs.a, {}}, {"d", inputs.b, {}}, {"c", inputs.c, {}}}, "INPUT_UNKNOWN",
                "'a', 'b', 'c'");
}

TEST_F(EngineNamedTensorsTest, AnInputThatIsGivenTwiceIsRefused) {
  const PairInputs inputs({1}, {2}, 3);
  ExpectRefused({{"a", inputs.a, {}}, {"b", inputs.b, {}}, {"a", inputs.a, {}}}, "INPUT_TWICE",
                "inputs[2]");
}

TEST_F(EngineNamedTensorsTest, AnInputWithoutANameIsRefused) {
  const PairInputs inputs({1}, {2}, 3);
  ExpectRefused({{"", inputs.a, {}}}, "INPUT_UNKNOWN", "the model has 3 inputs");
}

TEST_F(EngineNamedTensorsTest, DifferentTimestepsAreRefusedWithBothNumbers) {
  ExpectRefused(PairInputs({1, 2}, {1, 2, 3}, 4).named(), "TIMESTEPS",
                "input 'b' has 3 timesteps, input 'a' has 2");
}

TEST_F(EngineNamedTensorsTest, AVectorWithATimeAxisIsRefused) {
  const PairInputs inputs({1}, {2}, 3);
  ExpectRefused({{"a", inputs.a, {}}, {"b", inputs.b, {}}, {"c", inputs.a, {}}}, "INPUT_RANK",
                "input 'c' has 2 dimensions, shape [1, 1], but the model needs 1: [1]");
}

TEST_F(EngineNamedTensorsTest, AMaskOfAVectorIsRefused) {
  const PairInputs inputs({1}, {2}, 3);
  const TensorView mask{DataType::kBool, {1}, absl::string_view("\1", 1)};
  ExpectRefused({{"a", inputs.a, {}}, {"b", inputs.b, {}}, {"c", inputs.c, mask}}, "MASK_SHAPE",
                "input 'c' has no time axis");
}

TEST_F(EngineNamedTensorsTest, AMaskOfTheWrongLengthNamesItsInput) {
  const PairInputs inputs({1}, {2}, 3);
  const TensorView mask{DataType::kBool, {2}, absl::string_view("\1\1", 2)};
  ExpectRefused({{"a", inputs.a, {}}, {"b", inputs.b, mask}, {"c", inputs.c, {}}}, "MASK_SHAPE",
                "mask of input 'b' has shape [2]");
}

TEST_F(EngineNamedTensorsTest, AnInfinityInAnyInputIsRefused) {
  ExpectRefused(PairInputs({1}, {2}, std::numeric_limits<float>::infinity()).named(), "NOT_FINITE",
                "input 'c'");
}

TEST_F(EngineNamedTensorsTest, AnOverflowInAnyOutputCommitsNothing) {
  ASSERT_THAT(Step("s", PairInputs({1}, {2}, 3).named()), IsOk());
  const std::vector<float> before = Snap("s");

  // 'last' stays finite, and ten times it does not.
  const auto result = Step("s", PairInputs({2e38f}, {-2e38f}, 0).named());

  EXPECT_THAT(result, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("timestep 0 of 1"),
                               "STATE_NONFINITE"));
  EXPECT_EQ(Snap("s"), before);
}

TEST_F(EngineNamedTensorsTest, InferStillTakesSequencesOfDifferentLengths) {
  const OwnedTensor a = OwnedTensor::Floats({1, 1, 1}, {1});
  const OwnedTensor b = OwnedTensor::Floats({1, 3, 1}, {1, 1, 1});
  const OwnedTensor c = OwnedTensor::Floats({1, 1}, {0});

  // Keras repeats the single timestep of a.
  const auto result = Infer("pair", {{"a", a, {}}, {"b", b, {}}, {"c", c, {}}});

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->outputs[0].values, ElementsAre(2, 6, 14));
  EXPECT_THAT(result->outputs[1].values, ElementsAre(10));
}

TEST_F(EngineNamedTensorsTest, ADecoderBeginsEachStepAtTheGivenState) {
  ASSERT_THAT(Open("decoder", "d"), IsOk());
  const OwnedTensor x = OwnedTensor::Floats({3, 1}, {1, 1, 1});
  std::vector<float> state = {5};
  for (const auto& [outputs, last] :
       {std::pair<std::vector<float>, float>{{11, 23, 47}, 47}, {{95, 191, 383}, 383}}) {
    const OwnedTensor h = OwnedTensor::Floats({1}, state);

    const auto result = Step("d", {{"x", x, {}}, {"h", h, {}}});

    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(ValuesOf(*result, 0), outputs);
    state = ValuesOf(*result, 1);
    EXPECT_THAT(state, ElementsAre(last));
  }
  const OwnedTensor h = OwnedTensor::Floats({1}, {0});
  const auto anew = Step("d", {{"x", x, {}}, {"h", h, {}}});
  ASSERT_THAT(anew, IsOk());
  EXPECT_THAT(ValuesOf(*anew, 0), ElementsAre(1, 3, 7));
  EXPECT_THAT(Snap("d"), ElementsAre(3, 7));
}

}  // namespace
}  // namespace rnnserve::testing

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Tests Engine::ReplaceModel: which sessions get the new model, which stay on the old one, and when
// the old one is destroyed. The models are versions of one model, with states of different shapes
// and exact sums.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/core/engine/engine_fixture.h"
#include "tests/support/memory_snapshot_store.h"
#include "tests/support/status_matchers.h"

namespace rnnserve::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// The time after which a model retires in an engine with a store. It is shorter than the idle
// timeout of the sessions.
constexpr absl::Duration kRetireAfter = absl::Minutes(1);

class EngineReloadTest : public EngineFixture {
 protected:
  EngineReloadTest() { Add({}); }

  // Makes a new engine with version 1 of the model "m".
  void Add(EngineOptions options) {
    options.workers = 1;
    engine_ = std::make_unique<Engine>(clock_, observer_, options);
    MustBeOk(engine_->AddModel("m", VersionModel(1)));
  }
  // Does the same as Add, but with a store, so that sessions are durable and can be spilled.
  void AddWithStore(int64_t max_sessions = 1000) {
    auto store = std::make_unique<MemorySnapshotStore>(clock_, MemorySnapshotStore::Pace::kAtOnce);
    EngineOptions options;
    options.workers = 1;
    options.sessions.max_sessions = max_sessions;
    options.retire_after = kRetireAfter;
    engine_ = std::make_unique<Engine>(
        clock_, observer_, options,
        DurabilityConfig{std::move(store), SnapshotKeys(SnapshotKey(SnapshotKey::Secret{7})), {}});
    MustBeOk(engine_->AddModel("m", VersionModel(1)));
  }
  static void MustBeOk(const absl::Status& status) { ASSERT_TRUE(status.ok()) << status; }

  absl::StatusOr<ReplacedModel> Reload(int version) {
    return engine_->ReplaceModel("m", VersionModel(version));
  }
  // Returns whether all replaced models are gone. A thread that answered a call keeps its model for
  // a moment longer, so this tries for a while.
  bool AllRetire() {
    const absl::Time end = absl::Now() + absl::Seconds(10);
    do {
      engine_->RetireModels();
      if (engine_->retiring_models("m").empty()) return true;
      absl::SleepFor(absl::Milliseconds(1));
    } while (absl::Now() < end);
    return false;
  }
  static std::string DigestOf(int version) { return VersionModel(version)->digest(); }

  // Steps a session and returns the outputs, or none if the step fails.
  std::vector<float> Outputs(const std::string& id, const std::vector<float>& values) {
    const auto result = Step(id, values);
    if (!result.ok()) return {};
    return {result->outputs[0].values.begin(), result->outputs[0].values.end()};
  }
  absl::StatusOr<StepSessionsResult> StepSessions(const std::vector<std::string>& ids,
                                                  const OwnedTensor& input) {
    StepSessionsCall call;
    call.model = "m";
    call.session_ids = ids;
    call.inputs = {{"", input, std::nullopt}};
    Answer<StepSessionsResult> answer;
    engine_->StepSessions(std::move(call), answer.callback());
    return answer.Wait();
  }
  absl::StatusOr<int64_t> ResetAll(std::vector<NamedState> state = {}) {
    ResetStateCall call;
    call.model = "m";
    call.state = std::move(state);
    return Reset(std::move(call));
  }
  absl::StatusOr<std::string> Export(const std::string& id) {
    Answer<ExportedSession> answer;
    engine_->ExportSession(id, answer.callback());
    auto exported = answer.Wait();
    if (!exported.ok()) return exported.status();
    return exported->snapshot;
  }
  absl::StatusOr<OpenedSession> Import(const std::string& snapshot, const std::string& id) {
    Answer<OpenedSession> answer;
    engine_->ImportSession({snapshot, id, Durability::kNone}, answer.callback());
    return answer.Wait();
  }
};

TEST_F(EngineReloadTest, NewSessionsGetTheNewModelAndOpenOnesStay) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {1}), ElementsAre(1));

  const auto replaced = Reload(2);
  const auto opened = Open("m", "new");

  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->previous_digest, DigestOf(1));
  EXPECT_EQ(replaced->digest, DigestOf(2));
  EXPECT_EQ(replaced->retiring_sessions, 1);
  EXPECT_EQ(opened->model_digest, DigestOf(2));
  EXPECT_THAT(Outputs("old", {2, 3}), ElementsAre(4, 11));
  EXPECT_THAT(Outputs("new", {1, 2, 3}), ElementsAre(1, 6, 23));
}

TEST_F(EngineReloadTest, ASpilledSessionStaysOnItsModelToo) {
  AddWithStore(/*max_sessions=*/2);
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {1}), ElementsAre(1));
  for (const char* id : {"b", "c"}) ASSERT_THAT(Open("m", id), IsOk());
  ASSERT_EQ(engine_->num_spilled_sessions(), 1);
  ASSERT_THAT(Close("b"), IsOk());
  ASSERT_THAT(Close("c"), IsOk());

  ASSERT_THAT(Reload(2), IsOk());
  engine_->RetireModels();

  EXPECT_THAT(Outputs("old", {2, 3}), ElementsAre(4, 11));
}

TEST_F(EngineReloadTest, TheListShowsTheModelOfEachSession) {
  AddWithStore(/*max_sessions=*/2);
  for (const char* id : {"a", "b", "c"}) ASSERT_THAT(Open("m", id), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "d"), IsOk());

  const auto listed = engine_->ListSessions({.model_name = "m"}, "", 100);

  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(*listed, SizeIs(4));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(listed->at(i).model_digest, DigestOf(1)) << i;
  EXPECT_EQ(listed->at(3).model_digest, DigestOf(2));
}

TEST_F(EngineReloadTest, ASpilledSessionEndsWithItsModel) {
  AddWithStore(/*max_sessions=*/2);
  ASSERT_THAT(Open("m", "old"), IsOk());
  for (const char* id : {"b", "c"}) ASSERT_THAT(Open("m", id), IsOk());
  ASSERT_EQ(engine_->num_spilled_sessions(), 1);
  ASSERT_THAT(Reload(2), IsOk());

  clock_.Advance(kRetireAfter);
  engine_->RetireModels();

  for (const char* id : {"old", "b", "c"}) {
    EXPECT_THAT(Step(id, {1}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("replaced"),
                                        "SESSION_MODEL_RETIRED"));
  }
  EXPECT_TRUE(AllRetire());
}

TEST_F(EngineReloadTest, InferencesGetTheNewModel) {
  ASSERT_THAT(Reload(2), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({1, 3, 1}, {1, 2, 3});

  const auto result = Infer(InferOf("m", input));

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->outputs.at(0).values, ElementsAre(1, 6, 23));
}

TEST_F(EngineReloadTest, TheSameModelChangesNothing) {
  ASSERT_THAT(Open("m", "s"), IsOk());

  const auto replaced = Reload(1);

  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->previous_digest, replaced->digest);
  EXPECT_EQ(replaced->retiring_sessions, 0);
  EXPECT_THAT(engine_->retiring_models("m"), IsEmpty());
}

TEST_F(EngineReloadTest, AnUnknownNameIsRefused) {
  EXPECT_THAT(engine_->ReplaceModel("nothing", VersionModel(1)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no model"), "MODEL_NOT_FOUND"));
}

TEST_F(EngineReloadTest, ARetiringModelIsListedUntilItsLastSessionEnds) {
  ASSERT_THAT(Open("m", "a"), IsOk());
  ASSERT_THAT(Open("m", "b"), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  clock_.Advance(absl::Minutes(5));
  ASSERT_THAT(Close("a"), IsOk());
  engine_->RetireModels();

  const auto retiring = engine_->retiring_models("m");
  ASSERT_THAT(retiring, SizeIs(1));
  EXPECT_EQ(retiring[0].digest, DigestOf(1));
  EXPECT_EQ(retiring[0].sessions, 1);
  EXPECT_EQ(retiring[0].time_left, absl::Minutes(10));

  ASSERT_THAT(Close("b"), IsOk());
  EXPECT_TRUE(AllRetire());
}

TEST_F(EngineReloadTest, TheSessionsOfAnExpiredModelEnd) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "new"), IsOk());
  clock_.Advance(absl::Minutes(15) - absl::Nanoseconds(1));
  engine_->RetireModels();
  ASSERT_THAT(Outputs("old", {1}), ElementsAre(1));

  clock_.Advance(absl::Nanoseconds(1));
  engine_->RetireModels();

  EXPECT_THAT(Step("old", {1}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("was replaced"),
                                         "SESSION_MODEL_RETIRED"));
  EXPECT_THAT(Outputs("new", {1}), ElementsAre(1));
  EXPECT_THAT(observer_.Of("m").ended(), ElementsAre(EndReason::kModelRetired));
}

TEST_F(EngineReloadTest, AStepThatRunsWhenItsModelExpiresIsFinishedFirst) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 1}, {1, 2});
  observer_.Of("m").Hold();
  const Answer<StepResult> running = StartStep(StepOf("old", input));
  observer_.Of("m").AwaitStopped();
  ASSERT_THAT(Reload(2), IsOk());
  clock_.Advance(absl::Minutes(15));
  engine_->RetireModels();
  // The sessions are already being ended.
  engine_->RetireModels();
  EXPECT_THAT(engine_->retiring_models("m"), SizeIs(1));

  observer_.Of("m").Release();

  EXPECT_THAT(running.Wait()->outputs[0].values, ElementsAre(1, 4));
  EXPECT_THAT(Step("old", {1}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("was replaced"),
                                         "SESSION_MODEL_RETIRED"));
}

TEST_F(EngineReloadTest, AModelThatComesBackIsCurrentAgainWithItsSessions) {
  ASSERT_THAT(Open("m", "first"), IsOk());
  ASSERT_THAT(Outputs("first", {1}), ElementsAre(1));
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "second"), IsOk());

  const auto replaced = Reload(1);

  ASSERT_THAT(replaced, IsOk());
  EXPECT_EQ(replaced->retiring_sessions, 1);
  EXPECT_THAT(engine_->retiring_models("m"), SizeIs(1));
  clock_.Advance(absl::Minutes(15));
  engine_->RetireModels();
  EXPECT_THAT(Outputs("first", {2}), ElementsAre(4));
  EXPECT_EQ(Step("second", {1}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(EngineReloadTest, TooManyRetiringModelsRefuseAnother) {
  EngineOptions options;
  options.max_retiring_models = 1;
  Add(options);
  ASSERT_THAT(Open("m", "one"), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "two"), IsOk());

  EXPECT_THAT(Reload(3), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("of at most 1"),
                                  "RETIRING_MODELS_LIMIT"));
  EXPECT_EQ((*engine_->FindModel("m"))->digest(), DigestOf(2));
  ASSERT_THAT(Close("one"), IsOk());
  engine_->RetireModels();
  EXPECT_THAT(Reload(3), IsOk());
}

TEST_F(EngineReloadTest, AForkStaysOnTheModelOfItsSession) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {1}), ElementsAre(1));
  ASSERT_THAT(Reload(2), IsOk());
  ForkSessionCall call;
  call.session_id = "old";
  call.fork_ids = {"fork"};
  Answer<ForkedSession> answer;

  engine_->ForkSession(std::move(call), answer.callback());

  ASSERT_THAT(answer.Wait(), IsOk());
  EXPECT_THAT(Outputs("fork", {2, 3}), ElementsAre(4, 11));
}

TEST_F(EngineReloadTest, StepSessionsAdvancesEachSessionWithItsOwnModel) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "new"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 3, 1}, {1, 2, 3, 1, 2, 3});

  const auto result = StepSessions({"new", "old"}, input);

  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(result->errors, IsEmpty());
  EXPECT_THAT(result->outputs[0].values, ElementsAre(1, 6, 23, 1, 4, 11));
}

TEST_F(EngineReloadTest, StepSessionsRefusesARowThatItsModelCannotCompute) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  const ModelPtr wider = GruModel(2);
  ASSERT_THAT(engine_->ReplaceModel("m", wider), IsOk());
  ASSERT_THAT(Open("m", "new"), IsOk());
  const OwnedTensor input = OwnedTensor::Floats({2, 1, 2}, {1, 2, 1, 2});

  const auto result = StepSessions({"new", "old"}, input);

  ASSERT_THAT(result, IsOk());
  ASSERT_THAT(result->errors, SizeIs(1));
  EXPECT_EQ(result->errors[0].first, 1);
  EXPECT_THAT(result->errors[0].second,
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(DigestOf(1)), HasSubstr(wider->digest())), "MODEL_CHANGED"));
  EXPECT_THAT(Outputs("old", {1}), ElementsAre(1));
}

TEST_F(EngineReloadTest, AResetOfTheModelResetsEachSessionToItsOwnInitialState) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {5}), ElementsAre(5));
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "new"), IsOk());
  ASSERT_THAT(Outputs("new", {5}), ElementsAre(5));

  EXPECT_EQ(*ResetAll(), 2);

  EXPECT_THAT(Outputs("old", {1, 2}), ElementsAre(1, 4));
  EXPECT_THAT(Outputs("new", {1, 2}), ElementsAre(1, 6));
}

TEST_F(EngineReloadTest, AResetToAStateThatDoesNotFitAllResetsNone) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {5}), ElementsAre(5));
  ASSERT_THAT(Reload(2), IsOk());
  const OwnedTensor h = OwnedTensor::Floats({1}, {1});

  const auto fits_the_old = ResetAll({{"sum1", "h", h}});
  const auto fits_the_new = ResetAll({{"sum1", "h", h}, {"sum2", "h", h}});

  EXPECT_EQ(fits_the_old.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(fits_the_new.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Outputs("old", {1}), ElementsAre(11));
}

TEST_F(EngineReloadTest, ASnapshotGoesToTheModelOfItsDigestIfThereIsOne) {
  AddWithStore();
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Outputs("old", {1}), ElementsAre(1));
  const auto snapshot = Export("old");
  ASSERT_THAT(snapshot, IsOk());
  ASSERT_THAT(Reload(2), IsOk());

  ASSERT_THAT(Import(*snapshot, "copy"), IsOk());
  EXPECT_THAT(Outputs("copy", {2, 3}), ElementsAre(4, 11));

  clock_.Advance(absl::Minutes(15));
  engine_->RetireModels();
  EXPECT_THAT(Import(*snapshot, "later"), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                   HasSubstr("another model"), "MODEL_CHANGED"));
}

TEST_F(EngineReloadTest, ADurableSessionThatEndsWithItsModelLeavesTheStore) {
  AddWithStore();
  OpenSessionCall call;
  call.model = "m";
  call.session_id = "old";
  call.durability = Durability::kSync;
  ASSERT_THAT(Open(call), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  clock_.Advance(absl::Minutes(15));
  engine_->RetireModels();

  const auto opened = Open(call);

  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->model_digest, DigestOf(2));
}

TEST_F(EngineReloadTest, TheLoadOfANameCountsAllItsModels) {
  ASSERT_THAT(Open("m", "old"), IsOk());
  ASSERT_THAT(Reload(2), IsOk());
  ASSERT_THAT(Open("m", "new"), IsOk());

  EXPECT_EQ(engine_->load("m").sessions, 2);
  EXPECT_THAT(engine_->models(), SizeIs(1));
}

// Sessions open, step and end while the model is replaced again and again. Each session must give
// the sums of the model that it was opened with. The test is meant for the sanitizers: the last use
// of a model may end on any thread, even on one of its own workers.
TEST_F(EngineReloadTest, SessionsComeAndGoWhileTheModelIsReplaced) {
  constexpr int kThreads = 3;
  constexpr int kSessionsPerThread = 120;
  EngineOptions options;
  options.retire_after = absl::Hours(1);
  Add(options);
  std::atomic<int> num_running{kThreads};
  std::atomic<int> num_wrong{0};
  const auto run = [&](int thread) {
    for (int i = 0; i < kSessionsPerThread; ++i) {
      const std::string id = absl::StrCat("s", thread, "-", i);
      const auto opened = Open("m", id);
      const std::vector<float> outputs = Outputs(id, {1, 2, 3});
      const float last = !opened.ok() ? -1 : opened->model_digest == DigestOf(1) ? 11 : 23;
      // Closing the session, and a step that waits behind that, finish on a worker.
      const OwnedTensor input = OwnedTensor::Floats({1, 1}, {1});
      const Answer<StepResult> step = StartStep(StepOf(id, input));
      Close(id).IgnoreError();
      if (outputs.empty() || outputs.back() != last || !step.Wait().ok()) ++num_wrong;
    }
    --num_running;
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(run, thread);

  int num_replaced = 0;
  for (int version = 2; num_running > 0; version = 3 - version) {
    if (Reload(version).ok()) ++num_replaced;
    engine_->RetireModels();
  }
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(num_wrong, 0);
  EXPECT_GT(num_replaced, 1);
  EXPECT_TRUE(AllRetire());
}

}  // namespace
}  // namespace rnnserve::testing

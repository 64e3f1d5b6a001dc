// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Runs random schedules of faults against an oracle. Whatever fails, the caller receives the
// outputs of one session that never failed, each once and in order; and a session ends only for a
// reason that the schedule gave it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cpp/resumable_session.h"
#include "client/load/random.h"
#include "tests/client/flaky_servers.h"

namespace rnnserve::client {
namespace {

using World = FlakyServers::World;

constexpr int kNumSchedules = 10'000;
constexpr int kNumStepsMax = 40;
// More consecutive calls than can ever fail: the faults end earlier.
constexpr int kAttemptsMax = 200;

// Counts over all schedules, which show that the schedules exercise the faults.
struct Tally {
  int num_delivered = 0;
  int num_replayed = 0;
  int num_resumptions = 0;
  int num_regressions_mended = 0;
  int num_reopened = 0;
  int num_unfinished = 0;
  int num_resets = 0;
  int num_aborted = 0;
  int num_data_losses = 0;
};

class Schedule {
 public:
  Schedule(uint64_t seed, Tally* tally) : random_(seed), tally_(tally) {}

  // Runs the schedule. Returns a description of what went wrong, or an empty string.
  std::string Run() {
    Prepare();
    if (!Open()) return "";  // No server answered, so nothing was promised.
    std::string wrong;
    while (wrong.empty() && is_going_on_ && num_delivered_ < num_steps_) wrong = OneStep();
    if (wrong.empty() && world_.num_steps_of_fenced_writer > 0) {
      wrong = "a step was committed although another writer had taken over";
    }
    if (wrong.empty()) return "";
    return absl::StrCat(wrong, "\n  the last calls: ", absl::StrJoin(world_.calls, ", "));
  }

 private:
  void Prepare() {
    world_.checkpoint_steps = std::vector<uint64_t>{0, 1, 3, 8}[random_.Integer(0, 3)];
    world_.num_checkpoints_lost = static_cast<uint64_t>(random_.Integer(0, 4));
    num_steps_ = static_cast<uint64_t>(random_.Integer(1, kNumStepsMax));
    rate_ = random_.Uniform() * 0.4;
    num_faults_left_ = static_cast<int>(random_.Integer(0, 60));
    // A schedule has takeovers or losses of the store, never both: a store that goes back gives out
    // an epoch twice, and no writer could notice.
    has_takeovers_ = random_.Uniform() < 0.2;
    has_store_losses_ = !has_takeovers_ && random_.Uniform() < 0.25;
    world_.weather = [this] { return NextFault(); };
    options_.session.session_id = world_.known_id;
    options_.retry_time = absl::Milliseconds(random_.Integer(100, 5000));
    options_.attempt_timeout = absl::Milliseconds(random_.Integer(20, 200));
    options_.num_durable_steps_kept = static_cast<uint64_t>(random_.Integer(0, 1) * 20);
    is_by_name_ = random_.Uniform() < 0.3;
    has_small_log_ = random_.Uniform() < 0.1;
    if (has_small_log_) options_.max_log_bytes = 800;
    options_.observer = [this](const Resumption& resumption) { Count(resumption); };
  }

  Fault NextFault() {
    if (num_faults_left_ == 0 || random_.Uniform() >= rate_) return Fault::kNone;
    --num_faults_left_;
    constexpr int kOrdinary = static_cast<int>(Fault::kStoreDown);
    const int last = has_takeovers_ ? static_cast<int>(Fault::kTakeoverAndStep)
                                    : static_cast<int>(Fault::kOlderStore);
    const auto fault = static_cast<Fault>(
        random_.Integer(1, has_takeovers_ || has_store_losses_ ? last : kOrdinary));
    if (fault == Fault::kOlderStore && !has_store_losses_) return Fault::kRestartAfter;
    has_lost_store_ = has_lost_store_ || fault == Fault::kOlderStore;
    was_taken_over_ = was_taken_over_ || fault >= Fault::kTakeover;
    return fault;
  }

  void Count(const Resumption& resumption) {
    ++tally_->num_resumptions;
    tally_->num_replayed += static_cast<int>(resumption.num_replayed);
    tally_->num_reopened += resumption.is_reopened ? 1 : 0;
    is_regressed_ = resumption.is_regressed;
  }

  bool Open() {
    auto session = ResumableSession::Open(std::make_unique<FlakyServers>(&world_), Clock(), "toy",
                                          std::move(options_));
    if (session.ok()) session_ = *std::move(session);
    return session_ != nullptr;
  }

  // The world owns the clock.
  std::shared_ptr<RetryClock> Clock() {
    return std::shared_ptr<RetryClock>(&world_.clock, [](auto* /*clock*/) {});
  }

  std::string OneStep() {
    if (random_.Uniform() < 0.05) Reset();
    int64_t input = random_.Integer(0, 1000);
    absl::StatusOr<StepResult> result = Send(input);
    for (int i = 0; !result.ok() && i < kAttemptsMax; ++i) {
      if (session_->has_unfinished_step()) {
        ++tally_->num_unfinished;
        result = session_->FinishStep();
      } else {
        // The step was not performed, so another one may take its place.
        input = random_.Integer(0, 1000);
        result = Send(input);
        if (IsEnd(result.status())) break;
      }
    }
    if (!result.ok()) return JudgeEnd(result.status());
    state_ = NextToyState(state_, Meaning(input));
    ++num_delivered_;
    ++tally_->num_delivered;
    if (std::exchange(is_regressed_, false)) ++tally_->num_regressions_mended;
    if (result->version != num_delivered_) {
      return absl::StrCat("delivery ", num_delivered_, " has version ", result->version);
    }
    if (!IsOracles(*result)) return absl::StrCat("output ", num_delivered_, " is not the oracle's");
    return "";
  }

  // Makes a step with this input, as one tensor or by name.
  absl::StatusOr<StepResult> Send(int64_t input) {
    if (is_by_name_) return session_->Step(ToyInputs(input / 10, input % 10));
    return session_->Step(ToyTensor(static_cast<uint64_t>(input)));
  }
  int64_t Meaning(int64_t input) const {
    return is_by_name_ ? ToyPair(input / 10, input % 10) : input;
  }
  bool IsOracles(const StepResult& result) const {
    if (!is_by_name_) return result.output == ToyTensor(state_);
    const std::vector<NamedTensor> expected = ToyOutputs(state_);
    return std::equal(result.outputs.begin(), result.outputs.end(), expected.begin(),
                      expected.end(), [](const NamedTensor& a, const NamedTensor& b) {
                        return a.name == b.name && a.value == b.value;
                      });
  }

  void Reset() {
    if (!session_->ResetState().ok()) return;  // The session is unchanged.
    ++tally_->num_resets;
    state_ = kToyBeginning;
  }

  static bool IsEnd(const absl::Status& status) {
    return status.code() == absl::StatusCode::kAborted ||
           status.code() == absl::StatusCode::kDataLoss;
  }

  std::string JudgeEnd(const absl::Status& status) {
    is_going_on_ = false;
    switch (status.code()) {
      case absl::StatusCode::kAborted:
      case absl::StatusCode::kFailedPrecondition:
      case absl::StatusCode::kOutOfRange:
        ++tally_->num_aborted;
        if (was_taken_over_) return "";
        break;
      case absl::StatusCode::kDataLoss:
        ++tally_->num_data_losses;
        if (has_lost_store_ || was_taken_over_ || has_small_log_) return "";
        break;
      default:
        break;
    }
    return absl::StrCat("the session ended for no reason: ", status.ToString());
  }

  Random random_;
  Tally* const tally_;
  World world_;
  ResumableSession::Options options_;
  std::unique_ptr<ResumableSession> session_;
  uint64_t num_steps_ = 0;
  uint64_t num_delivered_ = 0;
  uint64_t state_ = kToyBeginning;
  double rate_ = 0;
  int num_faults_left_ = 0;
  bool is_by_name_ = false;  // whether steps have two inputs and two outputs
  bool has_takeovers_ = false;
  bool has_store_losses_ = false;
  bool has_small_log_ = false;
  bool was_taken_over_ = false;
  bool has_lost_store_ = false;
  bool is_regressed_ = false;
  bool is_going_on_ = true;
};

TEST(ResumableSessionPropertyTest, DeliversTheChainOfOneSessionThatNeverFailed) {
  Tally tally;

  for (uint64_t seed = 0; seed < kNumSchedules; ++seed) {
    const std::string wrong = Schedule(seed, &tally).Run();
    ASSERT_EQ(wrong, "") << "seed " << seed;
  }

  EXPECT_GT(tally.num_delivered, 100'000);
  EXPECT_GT(tally.num_resumptions, 10'000);
  EXPECT_GT(tally.num_replayed, 10'000);
  EXPECT_GT(tally.num_reopened, 1000);
  EXPECT_GT(tally.num_unfinished, 1000);
  EXPECT_GT(tally.num_resets, 1000);
  EXPECT_GT(tally.num_regressions_mended, 100);
  EXPECT_GT(tally.num_aborted, 100);
  EXPECT_GT(tally.num_data_losses, 100);
}

}  // namespace
}  // namespace rnnserve::client

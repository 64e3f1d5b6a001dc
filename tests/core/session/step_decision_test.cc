// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0
//
// Compares the decision about a step, in every small case, with a second implementation of the same
// rules, which plays through the arrival of the step and the commits that follow.

#include "core/session/step_decision.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "tests/support/status_matchers.h"

namespace rnnserve {

void PrintTo(StepDecision decision, std::ostream* out) { *out << static_cast<int>(decision); }

namespace {

using ::rnnserve::testing::StatusIs;

constexpr PayloadDigest kSame = {1};
constexpr PayloadDigest kOther = {2};

// How the client has used a step index before.
enum class Past { kNever, kUnderWay, kCommitted };

// Applies the rules independently, for a session whose steps below `version_on_arrival` were
// committed before the step came, and the steps from there to `version` afterwards.
StepDecision Expected(const StepClaim& claim, const SessionProgress& session) {
  const auto past_of = [&](uint64_t index) {
    if (index < session.version_on_arrival) return Past::kCommitted;
    return index < session.version ? Past::kUnderWay : Past::kNever;
  };
  if (claim.epoch.has_value()) {
    if (session.epoch > *claim.epoch) return StepDecision::kFenced;
    if (session.epoch != *claim.epoch) return StepDecision::kStaleOwner;
  }
  if (!claim.index.has_value()) return StepDecision::kAccept;
  if (past_of(*claim.index) != Past::kNever) {
    if (session.kept_digest == kSame) return StepDecision::kReplay;
    return session.kept_digest == kOther ? StepDecision::kReused : StepDecision::kTooOld;
  }
  // The step is new. Every step before it must have been committed, and the number of those without
  // an answer must have been smaller than the window.
  int num_under_way = 0;
  for (uint64_t before = 0; before < *claim.index; ++before) {
    if (past_of(before) == Past::kNever) return StepDecision::kGap;
    if (past_of(before) == Past::kUnderWay) ++num_under_way;
  }
  return num_under_way < session.reply_window ? StepDecision::kAccept : StepDecision::kWindowFull;
}

std::vector<std::optional<uint64_t>> NoneAndUpTo(uint64_t last) {
  std::vector<std::optional<uint64_t>> values = {std::nullopt};
  for (uint64_t value = 0; value <= last; ++value) values.emplace_back(value);
  return values;
}

std::string Describe(const StepClaim& claim, const SessionProgress& session) {
  return absl::StrCat("index ", claim.index.has_value() ? absl::StrCat(*claim.index) : "none",
                      ", epoch ", claim.epoch.has_value() ? absl::StrCat(*claim.epoch) : "none",
                      "; version ", session.version, ", on arrival ", session.version_on_arrival,
                      ", epoch ", session.epoch, ", window ", session.reply_window, ", kept ",
                      !session.kept_digest.has_value() ? "none"
                      : *session.kept_digest == kSame  ? "same"
                                                       : "other");
}

TEST(StepDecisionTest, AgreesWithTheRulesInEverySmallCase) {
  int num_cases = 0;
  std::vector<int> num_of(8);
  for (const auto& index : NoneAndUpTo(6)) {
    for (const auto& epoch : NoneAndUpTo(3)) {
      for (uint64_t version = 0; version <= 5; ++version) {
        for (uint64_t on_arrival = 0; on_arrival <= version; ++on_arrival) {
          for (uint64_t session_epoch = 0; session_epoch <= 3; ++session_epoch) {
            for (int window = 1; window <= 4; ++window) {
              for (const auto& kept :
                   {std::optional<PayloadDigest>(), std::optional(kSame), std::optional(kOther)}) {
                const StepClaim claim{index, epoch, kSame};
                const SessionProgress session{version, on_arrival, session_epoch, window, kept};
                const StepDecision decision = DecideStep(claim, session);
                ASSERT_EQ(decision, Expected(claim, session)) << Describe(claim, session);
                ++num_of.at(static_cast<size_t>(decision));
                ++num_cases;
              }
            }
          }
        }
      }
    }
  }

  EXPECT_EQ(num_cases, 8 * 5 * 21 * 4 * 4 * 3);
  for (size_t decision = 0; decision < num_of.size(); ++decision) {
    EXPECT_GT(num_of[decision], 0) << decision;
  }
}

TEST(StepDecisionTest, CountsUpToTheLargestNumber) {
  const SessionProgress session{UINT64_MAX, UINT64_MAX, UINT64_MAX, 16, std::nullopt};

  EXPECT_EQ(DecideStep({UINT64_MAX, UINT64_MAX, kSame}, session), StepDecision::kAccept);
  EXPECT_EQ(DecideStep({UINT64_MAX - 1, std::nullopt, kSame}, session), StepDecision::kTooOld);
}

TEST(StepDecisionTest, ErrorsHaveCodeReasonAndNumbers) {
  const StepClaim claim{7, 3, kSame};
  const SessionProgress session{5, 4, 9, 2, std::nullopt};
  const auto error = [&](StepDecision decision) { return DecisionError(decision, claim, session); };

  EXPECT_THAT(
      error(StepDecision::kFenced),
      StatusIs(absl::StatusCode::kAborted,
               "the step is of epoch 3, but another writer took over in epoch 9", "STEP_FENCED"));
  EXPECT_EQ(ErrorNumber(error(StepDecision::kFenced), "epoch"), 9u);
  EXPECT_THAT(error(StepDecision::kStaleOwner),
              StatusIs(absl::StatusCode::kUnavailable,
                       "the step is of epoch 3, but this server has epoch 9 of the session",
                       "STALE_OWNER"));
  EXPECT_THAT(error(StepDecision::kWindowFull),
              StatusIs(absl::StatusCode::kUnavailable,
                       "step 7 came when 3 steps before it were in flight, but the session keeps 2 "
                       "replies",
                       "WINDOW_FULL"));
  EXPECT_THAT(error(StepDecision::kReused),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "step 7 was committed with different content", "STEP_REUSED"));
  EXPECT_THAT(error(StepDecision::kTooOld),
              StatusIs(absl::StatusCode::kOutOfRange,
                       "step 7 of 5 was committed, but its reply is not kept", "STEP_TOO_OLD"));
  EXPECT_EQ(ErrorNumber(error(StepDecision::kTooOld), "version"), 5u);
  EXPECT_THAT(
      error(StepDecision::kGap),
      StatusIs(absl::StatusCode::kAborted, "step 7 was sent, but 5 is the next", "STEP_GAP"));
  EXPECT_EQ(ErrorNumber(error(StepDecision::kGap), "expected_index"), 5u);
}

}  // namespace
}  // namespace rnnserve

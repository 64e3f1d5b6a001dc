// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests what is made from the numbers of a load: verdicts, tables, JSON and the picture.

#include "client/load/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

namespace rnnserve::client {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

using Window = MeasurementWindow;

struct HalfOfLoad {
  uint64_t num_steps = 1000;
  absl::Duration latency = absl::Milliseconds(2);
};

// Returns a load of two seconds whose steps were all answered.
LoadResult MakeResult(HalfOfLoad first = {}, HalfOfLoad second = {}) {
  LoadResult result(1);
  result.half_lengths = {absl::Seconds(1), absl::Seconds(1)};
  result.thread_use = {0.25, 0.5};
  LoadTally& tally = result.tally;
  for (const auto& [half, of] :
       {std::pair(Window::kFirstHalf, first), {Window::kSecondHalf, second}}) {
    for (uint64_t i = 0; i < of.num_steps; ++i) tally.latencies[0][half].Add(of.latency);
    tally.answers_by_time[half] = {of.num_steps, 3 * of.num_steps};
    tally.num_steps += of.num_steps;
    tally.num_answered += of.num_steps;
  }
  tally.num_messages = tally.num_sent = tally.num_results = tally.num_steps;
  tally.num_responses = tally.num_steps / 4;
  return result;
}

TEST(LoadVerdictTest, AnEvenLoadIsSteady) {
  const LoadVerdict verdict = Judge(MakeResult(), true);

  EXPECT_TRUE(verdict.is_keeping_up);
  EXPECT_TRUE(verdict.is_long_enough);
  EXPECT_TRUE(verdict.is_steady);
  EXPECT_FALSE(verdict.is_generator_limit);
  EXPECT_THAT(verdict.remarks,
              ElementsAre("Steady: first half 1000 steps/s, p50 2.00 ms; second half 1000 steps/s, "
                          "p50 2.00 ms.",
                          "The generator kept up: its busiest thread used 25 % of a processor, all "
                          "threads together 50 %."));
}

TEST(LoadVerdictTest, IsNotSteadyIfTheRateChanges) {
  // Chance explains 1.4 % for 180 000 steps.
  EXPECT_FALSE(Judge(MakeResult({100'000}, {80'000}), true).is_steady);
  EXPECT_FALSE(Judge(MakeResult({80'000}, {100'000}), true).is_steady);
  EXPECT_TRUE(Judge(MakeResult({100'000}, {95'000}), true).is_steady);
  // Chance explains much more for 180 steps.
  EXPECT_TRUE(Judge(MakeResult({100}, {120}), true).is_steady);
}

TEST(LoadVerdictTest, IsNotSteadyIfTheMedianChanges) {
  const HalfOfLoad slow{1000, absl::Milliseconds(3.2)};

  EXPECT_FALSE(Judge(MakeResult({}, slow), true).is_steady);
  EXPECT_FALSE(Judge(MakeResult(slow, {}), true).is_steady);
  EXPECT_TRUE(Judge(MakeResult({}, {1000, absl::Milliseconds(2.8)}), true).is_steady);
  EXPECT_THAT(Judge(MakeResult({}, slow), true).remarks, Contains(StartsWith("NOT STEADY: ")));
}

TEST(LoadVerdictTest, JudgesNothingFromAFewSteps) {
  const LoadVerdict verdict = Judge(MakeResult({99}, {100}), true);

  EXPECT_FALSE(verdict.is_long_enough);
  EXPECT_FALSE(verdict.is_steady);
  EXPECT_THAT(verdict.remarks, Contains(StartsWith("TOO SHORT")));
}

TEST(LoadVerdictTest, TheServerDoesNotKeepUpBelow95PercentOfAnOpenLoop) {
  LoadResult result = MakeResult();
  result.tally.num_steps = 2100;
  EXPECT_TRUE(Judge(result, true).is_keeping_up);
  result.tally.num_steps = 2500;

  EXPECT_FALSE(Judge(result, true).is_keeping_up);
  EXPECT_THAT(Judge(result, true).remarks, Contains(HasSubstr("answered 80.0 % of the steps")));
  EXPECT_TRUE(Judge(result, false).is_keeping_up);
}

TEST(LoadVerdictTest, TheGeneratorIsTheBottleneckIfItsMessagesAreLate) {
  LoadResult result = MakeResult();
  for (int i = 0; i < 98; ++i) result.send_delays.Add(absl::Microseconds(10));
  result.send_delays.Add(absl::Milliseconds(1.2));
  result.send_delays.Add(absl::Milliseconds(1.2));
  EXPECT_TRUE(Judge(result, true).is_generator_limit);
  EXPECT_THAT(Judge(result, true).remarks,
              Contains(AllOf(
                  StartsWith("THE GENERATOR, OR ITS MACHINE, IS THE BOTTLENECK"),
                  HasSubstr("messages left p50 10 us, p99 1.20 ms after their scheduled time"))));

  // Compared with a slow model, the same delay is negligible.
  LoadResult slow = MakeResult({1000, absl::Milliseconds(50)}, {1000, absl::Milliseconds(50)});
  slow.send_delays = result.send_delays;
  EXPECT_FALSE(Judge(slow, true).is_generator_limit);
}

TEST(LoadVerdictTest, TheGeneratorIsTheBottleneckIfAThreadIsBusy) {
  LoadResult result = MakeResult();
  result.thread_use.busiest_thread = 0.81;

  EXPECT_TRUE(Judge(result, false).is_generator_limit);
}

TEST(LoadVerdictTest, ReportsAnInterruption) {
  LoadResult result = MakeResult();
  result.is_interrupted = true;

  EXPECT_EQ(Judge(result, true).remarks[0], "INTERRUPTED after 2.00 s of the measurement.");
}

TEST(LoadVerdictTest, AnEmptyMeasurementIsNoError) {
  const LoadResult result(1);

  EXPECT_EQ(StepsPerSecond(result), 0);
  EXPECT_FALSE(Judge(result, true).is_steady);
}

LoadReport MakeReport(const std::vector<double>& rates) {
  LoadReport report;
  report.server = "localhost:1";
  report.loop = LoadReport::Loop::kPoisson;
  report.options.models = {{"sums", 1}};
  report.options.seed = 5;
  for (double rate : rates) {
    LoadReport::Entry entry{rate, MakeResult(), {}};
    entry.verdict = Judge(entry.result, true);
    report.entries.push_back(std::move(entry));
  }
  return report;
}

TEST(LoadReportTest, FormatsAReportForPeople) {
  EXPECT_EQ(MakeReport({1000}).ToText(),
            "Load       open loop, Poisson arrivals, seed 5\n"
            "models     sums (64 sessions)\n"
            "sessions   64 on 4 streams of 1 channel, 1 per message\n"
            "sequences  fixed:100, 1 timestep per step\n"
            "measured   10 s or 1000000 steps, after 2 s of warm-up\n"
            "\n"
            "OFFERED/S  STEPS/S  TIMESTEPS/S      P50      P90      P95      P99    P99.9      MAX"
            "  FAILED  ANSWERS/MESSAGE\n"
            "     1000     1000         3000  2.00 ms  2.00 ms  2.00 ms  2.00 ms  2.00 ms  2.00 ms"
            "       0              4.0\n"
            "\n"
            "Steady: first half 1000 steps/s, p50 2.00 ms; second half 1000 steps/s, p50 2.00 ms.\n"
            "The generator kept up: its busiest thread used 25 % of a processor, all threads "
            "together 50 %.\n");
}

TEST(LoadReportTest, NotesTheProblemsOfEachLoadOfASweep) {
  LoadReport report = MakeReport({1000, 2000});
  report.entries[1].verdict.is_keeping_up = false;
  report.entries[1].verdict.is_steady = false;
  report.entries[1].verdict.is_generator_limit = true;

  EXPECT_THAT(report.ToText(),
              AllOf(HasSubstr("NOTES\n"),
                    HasSubstr("4.0  did not keep up, not steady, generator is the bottleneck\n")));
}

TEST(LoadReportTest, ListsModelsAndErrors) {
  LoadReport report = MakeReport({1000});
  report.options.models = {{"sums", 3}, {"total", 1}};
  report.entries[0].result.tally.latencies.resize(2);
  report.entries[0].result.tally.AddError({"step", "RESOURCE_EXHAUSTED", "QUEUE_FULL"},
                                          absl::ResourceExhaustedError("8 wait"));

  EXPECT_THAT(report.ToText(),
              AllOf(HasSubstr("sums (48 sessions), total (16 sessions)"),
                    HasSubstr("     1000  sums    2000  2.00 ms  2.00 ms  2.00 ms\n"
                              "     1000  total      0        -        -        -\n"),
                    HasSubstr("step    RESOURCE_EXHAUSTED  QUEUE_FULL      1  8 wait\n")));
}

TEST(LoadReportTest, ReportsThatOneActionStepsAllSessionsOfAMessage) {
  LoadReport report = MakeReport({1000});
  EXPECT_EQ(nlohmann::json::parse(report.ToJson())["options"]["step_sessions"], false);
  report.options.sessions_per_message = 16;
  report.options.uses_step_sessions = true;

  EXPECT_THAT(report.ToText(), HasSubstr("16 per message, stepped by one action\n"));
  EXPECT_THAT(report.ToPicture().subtitle, HasSubstr("stepped by one action, 1 timestep"));
  EXPECT_EQ(nlohmann::json::parse(report.ToJson())["options"]["step_sessions"], true);
}

TEST(LoadReportTest, DescribesTheLoop) {
  LoadReport report = MakeReport({0});
  report.loop = LoadReport::Loop::kClosed;
  EXPECT_THAT(report.ToText(), StartsWith("Load       closed loop, seed 5\n"));
  report.options.think_time = absl::Milliseconds(20);
  EXPECT_THAT(report.ToText(), HasSubstr("closed loop, 20.0 ms think time"));
  report.loop = LoadReport::Loop::kRecorded;
  report.arrivals_path = "times.txt";
  EXPECT_THAT(report.ToText(), HasSubstr("open loop, arrivals of times.txt"));
}

TEST(LoadReportTest, TheJsonReportContainsEverything) {
  LoadReport report = MakeReport({1000});
  report.entries[0].result.tally.AddError({"open", "INTERNAL", ""}, absl::InternalError("\xff"));

  const auto json = nlohmann::json::parse(report.ToJson());

  EXPECT_EQ(json["options"]["seed"], 5);
  EXPECT_EQ(json["options"]["loop"], "poisson");
  EXPECT_EQ(json["options"]["models"][0]["sessions"], 64);
  const auto& load = json["loads"][0];
  EXPECT_EQ(load["steps"], 2000);
  EXPECT_EQ(load["answered_steps"], 2000);
  EXPECT_EQ(load["failed_steps"], 0);
  EXPECT_EQ(load["steps_per_second"], 1000);
  EXPECT_EQ(load["timesteps_per_second"], 3000);
  EXPECT_EQ(load["mean_answers_a_message"], 4);
  EXPECT_EQ(load["mean_sessions_a_message"], 1);
  EXPECT_EQ(load["latencies"]["p99_9_us"], 2000);
  EXPECT_EQ(load["latencies"]["buckets"][0][1], 2000);
  EXPECT_EQ(load["errors"][0]["action"], "open");
  EXPECT_EQ(load["halves"].size(), 2u);
  EXPECT_EQ(load["steady"], true);
}

LatencyPicture MakePicture() {
  LatencyPicture picture;
  picture.title = "a < b & \"c\"";
  picture.points = {
      {2000, absl::Milliseconds(3), absl::Milliseconds(10), absl::Milliseconds(45), false},
      {1000, absl::Microseconds(250), absl::Milliseconds(1), absl::Milliseconds(2), true}};
  return picture;
}

TEST(LatencyPictureTest, DrawsThreeLinesFromLeftToRight) {
  const std::string svg = MakePicture().ToSvg();

  // The point at 1000 of 2000 steps per second is in the middle of the plot. Its highest tick is 50
  // ms, just above the longest latency of 45 ms.
  EXPECT_THAT(svg, AllOf(HasSubstr("M394.0 "), HasSubstr("L704.0 "), HasSubstr(">50 ms<"),
                         HasSubstr(">200 us<"), HasSubstr(">2000<"), HasSubstr(">p90<"),
                         Not(HasSubstr(">100 ms<")), Not(HasSubstr("nan"))));
  EXPECT_THAT(svg, HasSubstr("fill=\"white\"/>\n"));  // A hollow mark.
}

TEST(LatencyPictureTest, EscapesItsTexts) {
  EXPECT_THAT(MakePicture().ToSvg(), HasSubstr("a &lt; b &amp; &quot;c&quot;"));
}

TEST(LatencyPictureTest, LeavesOutPointsThatCannotBeDrawn) {
  LatencyPicture picture = MakePicture();
  picture.points.push_back(
      {3000, absl::ZeroDuration(), absl::ZeroDuration(), absl::ZeroDuration()});
  EXPECT_EQ(picture.ToSvg(), MakePicture().ToSvg());

  picture.points.clear();
  EXPECT_THAT(picture.ToSvg(),
              AllOf(HasSubstr("</svg>"), Not(HasSubstr("nan")), Not(HasSubstr("<circle"))));
}

TEST(LatencyPictureTest, DrawsASinglePointOfASingleValue) {
  LatencyPicture picture;
  picture.points = {{7, absl::Milliseconds(1), absl::Milliseconds(1), absl::Milliseconds(1)}};

  EXPECT_THAT(picture.ToSvg(),
              AllOf(HasSubstr("<circle"), Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
}

TEST(LoadReportTest, MakesThePictureOfASweep) {
  LoadReport report = MakeReport({1000, 2000});
  report.entries[1].verdict.is_keeping_up = false;

  const LatencyPicture picture = report.ToPicture();

  EXPECT_EQ(picture.title, "Latency against load: sums");
  ASSERT_EQ(picture.points.size(), 2u);
  EXPECT_EQ(picture.points[0].p99, absl::Milliseconds(2));
  EXPECT_TRUE(picture.points[0].is_keeping_up);
  EXPECT_FALSE(picture.points[1].is_keeping_up);
}

}  // namespace
}  // namespace rnnserve::client

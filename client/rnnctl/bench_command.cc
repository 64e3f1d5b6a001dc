// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/files/sequence_file.h"
#include "client/load/arrivals.h"
#include "client/load/load_report.h"
#include "client/load/load_run.h"
#include "client/load/load_verdict.h"
#include "client/load/rates.h"
#include "client/load/waitable_clock.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/failure.h"
#include "client/rnnctl/interrupt.h"
#include "client/text/progress_bar.h"

namespace rnnserve::client {
namespace {

// A random seed is short enough to type again.
constexpr uint64_t kMaxRandomSeed = 999'999'999;

uint64_t RandomSeed() {
  std::random_device device;
  return std::uniform_int_distribution<uint64_t>(1, kMaxRandomSeed)(device);
}

// Returns a report for the load that `options` describe. The options were checked when they were
// parsed.
absl::StatusOr<LoadReport> MakeReport(const Options& options) {
  const BenchOptions& bench = options.bench;
  LoadReport report;
  report.server = options.server;
  report.arrivals_path = bench.arrivals;
  report.loop = !bench.arrivals.empty()                          ? LoadReport::Loop::kRecorded
                : bench.rate.has_value() || !bench.sweep.empty() ? LoadReport::Loop::kPoisson
                                                                 : LoadReport::Loop::kClosed;
  LoadOptions& load = report.options;
  for (const std::string& text : bench.models) {
    const absl::StatusOr<ModelShare> share = ParseModelShare(text);
    if (!share.ok()) return LocalError("--model", share.status());
    load.models.push_back(*share);
  }
  const absl::StatusOr<LengthDistribution> lengths = LengthDistribution::Parse(bench.lengths);
  if (!lengths.ok()) return LocalError("--lengths", lengths.status());
  load.lengths = *lengths;
  load.num_sessions = options.num_sessions;
  load.num_streams = bench.num_streams;
  load.num_channels = bench.num_channels;
  load.sessions_per_message = bench.sessions_per_message;
  load.uses_step_sessions = bench.uses_step_sessions;
  load.chunk_timesteps = options.num_chunk_timesteps;
  load.max_steps = bench.max_steps;
  load.measured = absl::Seconds(bench.measured_seconds);
  load.warm_up = absl::Seconds(bench.warm_up_seconds);
  load.timeout = absl::Milliseconds(options.timeout_ms);
  if (options.bench.deadline_ms > 0) load.deadline = absl::Milliseconds(options.bench.deadline_ms);
  load.think_time = absl::Milliseconds(bench.think_ms);
  load.seed = options.seed.value_or(0);
  if (!options.seed.has_value()) load.seed = RandomSeed();
  return report;
}

absl::StatusOr<std::vector<LoadSession::Model>> MakeModels(Client& client, const Options& options,
                                                           const LoadOptions& load) {
  std::vector<LoadSession::Model> models;
  for (const ModelShare& share : load.models) {
    const auto description = client.DescribeModel(share.model, CallOptionsOf(options));
    if (!description.ok()) return description.status();
    absl::StatusOr<ModelInput> input =
        ModelInput::Make(*description, load.chunk_timesteps, load.seed + models.size());
    if (!input.ok()) return LocalError(share.model, input.status());
    models.push_back({share.model, *std::move(input)});
  }
  return models;
}

absl::StatusOr<std::vector<std::unique_ptr<Client>>> OpenChannels(const Options& options) {
  std::vector<std::unique_ptr<Client>> channels;
  Client::Options own;
  own.has_own_connection = true;
  for (size_t i = 0; i < options.bench.num_channels; ++i) {
    absl::StatusOr<std::unique_ptr<Client>> channel = Client::Connect(options.server, own);
    if (!channel.ok()) return channel.status();
    channels.push_back(*std::move(channel));
  }
  return channels;
}

// Returns the steps per second of each load; 0 if the command line does not state them.
absl::StatusOr<std::vector<double>> RatesOf(const BenchOptions& bench) {
  if (!bench.sweep.empty()) return ParseRates(bench.sweep);
  return std::vector<double>{bench.rate.value_or(0)};
}

// Returns the arrivals of an open loop; nothing for a closed one. Recorded arrivals may end the
// measurement early.
absl::StatusOr<std::optional<Arrivals>> MakeArrivals(const LoadReport& report, double rate,
                                                     LoadOptions* load) {
  if (report.loop == LoadReport::Loop::kClosed) return std::nullopt;
  const uint64_t per_message = load->sessions_per_message;
  const ArrivalLimits limits{load->warm_up, load->measured,
                             (load->max_steps + per_message - 1) / per_message};
  if (report.loop == LoadReport::Loop::kPoisson) {
    absl::StatusOr<Arrivals> drawn =
        DrawPoissonArrivals(rate / static_cast<double>(per_message), limits, load->seed);
    if (!drawn.ok()) return LocalError("--rate", drawn.status());
    return std::optional(*std::move(drawn));
  }
  const absl::StatusOr<std::string> text = ReadFile(report.arrivals_path);
  if (!text.ok()) return LocalError("--arrivals", text.status());
  absl::StatusOr<Arrivals> recorded = ParseArrivals(*text, limits);
  if (!recorded.ok()) return LocalError(report.arrivals_path, recorded.status());
  const absl::Duration last = recorded->back() - load->warm_up;
  if (last < absl::ZeroDuration()) {
    return LocalError(report.arrivals_path, absl::InvalidArgumentError(absl::StrCat(
                                                "ends within the warm-up, after ",
                                                absl::FormatDuration(recorded->back()))));
  }
  load->measured = std::min(load->measured, last + absl::Nanoseconds(1));
  return std::optional(*std::move(recorded));
}

// Checks that a file can be written, so that an error is reported before the load and not after it.
absl::Status CheckFile(const std::string& path, const char* option) {
  if (path.empty() || path == "-") return absl::OkStatus();
  const absl::Status status = WriteFile(path, "");
  return status.ok() ? status : LocalError(option, status);
}

// Runs one load of the report at `rate`, with `label` on its progress bar.
absl::StatusOr<LoadReport::Entry> RunOne(const LoadReport& report,
                                         const std::vector<LoadSession::Model>& models,
                                         const std::vector<std::unique_ptr<Client>>& channels,
                                         double rate, const std::string& label,
                                         const Terminal& terminal) {
  LoadOptions load = report.options;
  const auto arrivals = MakeArrivals(report, rate, &load);
  if (!arrivals.ok()) return arrivals.status();

  MachineClock clock;
  // In milliseconds, so that every tick of the load is visible.
  const auto total =
      static_cast<size_t>(absl::ToInt64Milliseconds(load.warm_up + load.measured)) + 1;
  ProgressBar progress(terminal.progress, label, total);
  size_t done = 0;
  const LoadSurroundings surroundings{
      channels, clock,
      [&](double fraction) {
        const auto now_done = static_cast<size_t>(fraction * static_cast<double>(total));
        if (now_done > done) progress.Advance(now_done - done);
        done = std::max(done, now_done);
      },
      [] { return Interrupt::asked(); }};
  absl::StatusOr<LoadResult> result =
      RunLoad(load, models, arrivals->has_value() ? &**arrivals : nullptr, surroundings);
  if (!result.ok()) return result.status();
  const bool is_open_loop = report.loop != LoadReport::Loop::kClosed;
  const LoadVerdict verdict = Judge(*result, is_open_loop);
  const double offered = rate > 0 || !is_open_loop ? rate : OfferedStepsPerSecond(*result);
  return LoadReport::Entry{offered, *std::move(result), verdict};
}

// Returns why the command fails although it has measurements: a stream ended early, or no step was
// answered.
absl::Status FailureOf(const LoadResult& result) {
  if (!result.status.ok()) return result.status;
  if (result.tally.num_answered > 0 || result.tally.errors.empty()) return absl::OkStatus();
  const auto& errors = result.tally.errors;
  return std::max_element(
             errors.begin(), errors.end(),
             [](const auto& a, const auto& b) { return a.second.count < b.second.count; })
      ->second.example;
}

}  // namespace

absl::Status RunBench(Client& client, const Options& options, const Terminal& terminal) {
  absl::StatusOr<LoadReport> report = MakeReport(options);
  if (!report.ok()) return report.status();
  const absl::StatusOr<std::vector<double>> rates = RatesOf(options.bench);
  if (!rates.ok()) return LocalError("--sweep", rates.status());
  absl::Status status = CheckFile(options.output, "--output");
  if (status.ok()) status = CheckFile(options.bench.picture, "--picture");
  if (!status.ok()) return status;
  const auto models = MakeModels(client, options, report->options);
  if (!models.ok()) return models.status();
  const auto channels = OpenChannels(options);
  if (!channels.ok()) return channels.status();

  const Interrupt interrupt;
  for (size_t i = 0; i < rates->size() && status.ok() && !Interrupt::asked(); ++i) {
    const std::string label = absl::StrCat("bench ", i + 1, "/", rates->size(), ", ms");
    absl::StatusOr<LoadReport::Entry> entry =
        RunOne(*report, *models, *channels, (*rates)[i], label, terminal);
    if (!entry.ok()) {
      status = entry.status();
      break;
    }
    status = FailureOf(entry->result);
    report->entries.push_back(*std::move(entry));
  }
  // Measurements are reported even if the last load failed.
  if (report->entries.empty()) return status;
  absl::Status written = WriteResult(
      options.output, options.is_json ? report->ToJson() : report->ToText(), "--output", terminal);
  if (written.ok() && !options.bench.picture.empty()) {
    written =
        WriteResult(options.bench.picture, report->ToPicture().ToSvg(), "--picture", terminal);
  }
  status.Update(written);
  return status;
}

}  // namespace rnnserve::client

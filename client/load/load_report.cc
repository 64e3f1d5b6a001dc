// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/load_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/text/latencies.h"
#include "client/text/table.h"
#include "nlohmann/json.hpp"

namespace rnnserve::client {
namespace {

using Json = nlohmann::json;
using Window = MeasurementWindow;

struct Percentile {
  const char* name;
  double q;
};
constexpr Percentile kShown[] = {{"P50", 0.5},  {"P90", 0.9},     {"P95", 0.95},
                                 {"P99", 0.99}, {"P99.9", 0.999}, {"MAX", 1}};
constexpr Percentile kReported[] = {{"p50", 0.5},     {"p75", 0.75},      {"p90", 0.9},
                                    {"p95", 0.95},    {"p99", 0.99},      {"p99_5", 0.995},
                                    {"p99_9", 0.999}, {"p99_99", 0.9999}, {"max", 1}};

std::string FormatRate(double per_second) {
  return per_second == 0 ? "-" : absl::StrFormat("%.*f", per_second < 100 ? 1 : 0, per_second);
}

std::string FormatLatencyOrNone(const LatencyHistogram& latencies, double q) {
  return latencies.count() == 0 ? "-" : FormatLatency(latencies.Quantile(q));
}

// Returns `sum` / `count`, or 0 if `count` is 0.
double Mean(uint64_t sum, uint64_t count) {
  return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
}

LatencyHistogram LatenciesOfModel(const LoadTally& tally, size_t model) {
  LatencyHistogram merged = tally.latencies[model][Window::kFirstHalf];
  merged.Merge(tally.latencies[model][Window::kSecondHalf]);
  return merged;
}

// Returns the number of sessions of each model.
std::vector<size_t> CountSessions(const LoadOptions& options) {
  std::vector<size_t> counts(options.models.size());
  for (size_t model : SpreadModels(options.models, options.num_sessions)) ++counts[model];
  return counts;
}

const char* Name(LoadReport::Loop loop) {
  if (loop == LoadReport::Loop::kClosed) return "closed";
  return loop == LoadReport::Loop::kPoisson ? "poisson" : "recorded";
}

std::string FormatPlural(size_t count, const char* noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string FormatLoop(const LoadReport& report) {
  const LoadOptions& options = report.options;
  switch (report.loop) {
    case LoadReport::Loop::kPoisson:
      return "open loop, Poisson arrivals";
    case LoadReport::Loop::kRecorded:
      return absl::StrCat("open loop, arrivals of ", report.arrivals_path);
    case LoadReport::Loop::kClosed:
      break;
  }
  return options.think_time == absl::ZeroDuration()
             ? "closed loop"
             : absl::StrCat("closed loop, ", FormatLatency(options.think_time), " think time");
}

std::string FormatMessage(const LoadOptions& options) {
  return absl::StrCat(options.sessions_per_message, " per message",
                      options.uses_step_sessions ? ", stepped by one action" : "");
}

std::string FormatOptions(const LoadReport& report) {
  const LoadOptions& options = report.options;
  const std::vector<size_t> num_sessions = CountSessions(options);
  std::vector<std::string> models;
  for (size_t i = 0; i < num_sessions.size(); ++i) {
    models.push_back(
        absl::StrCat(options.models[i].model, " (", FormatPlural(num_sessions[i], "session"), ")"));
  }
  Table table({{"Load"}, {absl::StrCat(FormatLoop(report), ", seed ", options.seed)}});
  table.AddRow({"models", absl::StrJoin(models, ", ")});
  table.AddRow({"sessions", absl::StrCat(options.num_sessions, " on ",
                                         FormatPlural(options.num_streams, "stream"), " of ",
                                         FormatPlural(options.num_channels, "channel"), ", ",
                                         FormatMessage(options))});
  table.AddRow({"sequences",
                absl::StrCat(options.lengths.text(), ", ",
                             FormatPlural(static_cast<size_t>(options.chunk_timesteps), "timestep"),
                             " per step")});
  table.AddRow(
      {"measured", absl::StrFormat("%g s or %d steps, after %g s of warm-up",
                                   absl::ToDoubleSeconds(options.measured), options.max_steps,
                                   absl::ToDoubleSeconds(options.warm_up))});
  return table.ToString();
}

// Returns the warnings about one load of a sweep.
std::string FormatNotes(const LoadVerdict& verdict) {
  std::vector<std::string> notes;
  if (!verdict.is_keeping_up) notes.push_back("did not keep up");
  if (!verdict.is_long_enough) {
    notes.push_back("too short");
  } else if (!verdict.is_steady) {
    notes.push_back("not steady");
  }
  if (verdict.is_generator_limit) notes.push_back("generator is the bottleneck");
  return absl::StrJoin(notes, ", ");
}

std::string FormatLoads(const LoadReport& report) {
  std::vector<Table::Column> columns = {
      {"OFFERED/S", Table::kRight}, {"STEPS/S", Table::kRight}, {"TIMESTEPS/S", Table::kRight}};
  for (const Percentile& percentile : kShown) columns.push_back({percentile.name, Table::kRight});
  columns.push_back({"FAILED", Table::kRight});
  columns.push_back({"ANSWERS/MESSAGE", Table::kRight});
  if (report.entries.size() > 1) columns.push_back({"NOTES"});
  Table table(std::move(columns));
  for (const LoadReport::Entry& entry : report.entries) {
    const LoadTally& tally = entry.result.tally;
    const LatencyHistogram latencies = tally.AllLatencies();
    std::vector<std::string> cells = {FormatRate(entry.offered),
                                      FormatRate(StepsPerSecond(entry.result)),
                                      FormatRate(TimestepsPerSecond(entry.result))};
    for (const Percentile& p : kShown) cells.push_back(FormatLatencyOrNone(latencies, p.q));
    cells.push_back(absl::StrCat(tally.NumFailedSteps()));
    cells.push_back(absl::StrFormat("%.1f", Mean(tally.num_results, tally.num_responses)));
    cells.push_back(FormatNotes(entry.verdict));
    if (report.entries.size() == 1) cells.pop_back();
    table.AddRow(std::move(cells));
  }
  return table.ToString();
}

std::string FormatModels(const LoadReport& report) {
  Table table({{"OFFERED/S", Table::kRight},
               {"MODEL"},
               {"STEPS", Table::kRight},
               {"P50", Table::kRight},
               {"P95", Table::kRight},
               {"P99", Table::kRight}});
  for (const LoadReport::Entry& entry : report.entries) {
    for (size_t i = 0; i < report.options.models.size(); ++i) {
      const LatencyHistogram latencies = LatenciesOfModel(entry.result.tally, i);
      table.AddRow({FormatRate(entry.offered), report.options.models[i].model,
                    absl::StrCat(latencies.count()), FormatLatencyOrNone(latencies, 0.5),
                    FormatLatencyOrNone(latencies, 0.95), FormatLatencyOrNone(latencies, 0.99)});
    }
  }
  return table.ToString();
}

// Returns the table of errors; empty if there are none.
std::string FormatErrors(const LoadReport& report) {
  Table table({{"OFFERED/S", Table::kRight},
               {"FAILED"},
               {"CODE"},
               {"REASON"},
               {"COUNT", Table::kRight},
               {"FIRST ERROR"}});
  bool is_empty = true;
  for (const LoadReport::Entry& entry : report.entries) {
    for (const auto& [error, count] : entry.result.tally.errors) {
      table.AddRow({FormatRate(entry.offered), error.action, error.code, error.reason,
                    absl::StrCat(count.count), std::string(count.example.message())});
      is_empty = false;
    }
  }
  return is_empty ? "" : absl::StrCat("\n", table.ToString());
}

Json LatenciesToJson(const LatencyHistogram& latencies) {
  Json json = {{"count", latencies.count()},
               {"min_us", absl::ToDoubleMicroseconds(latencies.min())},
               {"mean_us", absl::ToDoubleMicroseconds(latencies.Mean())}};
  for (const Percentile& percentile : kReported) {
    json[absl::StrCat(percentile.name, "_us")] =
        absl::ToDoubleMicroseconds(latencies.Quantile(percentile.q));
  }
  json["buckets"] = Json::array();
  for (const LatencyHistogram::Bucket& bucket : latencies.Buckets()) {
    json["buckets"].push_back({absl::ToDoubleMicroseconds(bucket.lower), bucket.count});
  }
  return json;
}

Json OptionsToJson(const LoadReport& report) {
  const LoadOptions& options = report.options;
  const std::vector<size_t> num_sessions = CountSessions(options);
  Json models = Json::array();
  for (size_t i = 0; i < options.models.size(); ++i) {
    models.push_back({{"model", options.models[i].model},
                      {"weight", options.models[i].weight},
                      {"sessions", num_sessions[i]}});
  }
  return {{"server", report.server},
          {"loop", Name(report.loop)},
          {"arrivals", report.arrivals_path},
          {"models", models},
          {"sessions", options.num_sessions},
          {"streams", options.num_streams},
          {"channels", options.num_channels},
          {"sessions_per_message", options.sessions_per_message},
          {"step_sessions", options.uses_step_sessions},
          {"lengths", options.lengths.text()},
          {"chunk_timesteps", options.chunk_timesteps},
          {"max_steps", options.max_steps},
          {"measured_seconds", absl::ToDoubleSeconds(options.measured)},
          {"warm_up_seconds", absl::ToDoubleSeconds(options.warm_up)},
          {"timeout_ms", absl::ToInt64Milliseconds(options.timeout)},
          {"deadline_ms", options.deadline == absl::InfiniteDuration()
                              ? 0
                              : absl::ToInt64Milliseconds(options.deadline)},
          {"think_ms", absl::ToDoubleMilliseconds(options.think_time)},
          {"seed", options.seed}};
}

Json ErrorsToJson(const LoadTally& tally) {
  Json errors = Json::array();
  for (const auto& [error, count] : tally.errors) {
    errors.push_back({{"action", error.action},
                      {"code", error.code},
                      {"reason", error.reason},
                      {"count", count.count},
                      {"first_message", std::string(count.example.message())}});
  }
  return errors;
}

Json LoadToJson(const LoadReport::Entry& entry, const LoadOptions& options) {
  const LoadResult& result = entry.result;
  const LoadTally& tally = result.tally;
  Json models = Json::array();
  for (size_t i = 0; i < options.models.size(); ++i) {
    models.push_back({{"model", options.models[i].model},
                      {"latencies", LatenciesToJson(LatenciesOfModel(tally, i))}});
  }
  Json halves = Json::array();
  for (const Window::Part half : {Window::kFirstHalf, Window::kSecondHalf}) {
    const LatencyHistogram latencies = tally.LatenciesOf(half);
    halves.push_back({{"seconds", absl::ToDoubleSeconds(result.half_lengths[half])},
                      {"steps_per_second", StepsPerSecond(result, half)},
                      {"p50_us", absl::ToDoubleMicroseconds(latencies.Quantile(0.5))}});
  }
  return {{"offered_steps_per_second", entry.offered},
          {"due_steps_per_second", OfferedStepsPerSecond(result)},
          {"steps_per_second", StepsPerSecond(result)},
          {"timesteps_per_second", TimestepsPerSecond(result)},
          {"steps", tally.num_steps},
          {"answered_steps", tally.num_answered},
          {"failed_steps", tally.NumFailedSteps()},
          {"messages", tally.num_messages},
          {"sequences", tally.num_sequences},
          {"mean_sessions_a_message", Mean(tally.num_sent, tally.num_messages)},
          {"mean_answers_a_message", Mean(tally.num_results, tally.num_responses)},
          {"latencies", LatenciesToJson(tally.AllLatencies())},
          {"models", models},
          {"errors", ErrorsToJson(tally)},
          {"halves", halves},
          {"send_delays", LatenciesToJson(result.send_delays)},
          {"busiest_thread", result.thread_use.busiest_thread},
          {"all_threads", result.thread_use.all_threads},
          {"interrupted", result.is_interrupted},
          {"keeping_up", entry.verdict.is_keeping_up},
          {"long_enough", entry.verdict.is_long_enough},
          {"steady", entry.verdict.is_steady},
          {"generator_is_bottleneck", entry.verdict.is_generator_limit},
          {"remarks", entry.verdict.remarks}};
}

}  // namespace

std::string LoadReport::ToText() const {
  std::string text = absl::StrCat(FormatOptions(*this), "\n", FormatLoads(*this));
  if (options.models.size() > 1) absl::StrAppend(&text, "\n", FormatModels(*this));
  absl::StrAppend(&text, FormatErrors(*this));
  if (entries.size() != 1) return text;
  absl::StrAppend(&text, "\n");
  for (const std::string& remark : entries[0].verdict.remarks) absl::StrAppend(&text, remark, "\n");
  return text;
}

std::string LoadReport::ToJson() const {
  Json loads = Json::array();
  for (const Entry& entry : entries) loads.push_back(LoadToJson(entry, options));
  const Json json = {{"options", OptionsToJson(*this)}, {"loads", loads}};
  // An error text from a server may contain any bytes.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

LatencyPicture LoadReport::ToPicture() const {
  std::vector<std::string> models;
  for (const ModelShare& share : options.models) models.push_back(share.model);
  LatencyPicture picture;
  picture.title = absl::StrCat("Latency against load: ", absl::StrJoin(models, ", "));
  picture.subtitle = absl::StrCat(
      FormatLoop(*this), ", ", FormatPlural(options.num_sessions, "session"), " on ",
      FormatPlural(options.num_streams, "stream"), ", ", FormatMessage(options), ", ",
      FormatPlural(static_cast<size_t>(options.chunk_timesteps), "timestep"), " per step");
  for (const Entry& entry : entries) {
    const LatencyHistogram latencies = entry.result.tally.AllLatencies();
    picture.points.push_back({entry.offered, latencies.Quantile(0.5), latencies.Quantile(0.9),
                              latencies.Quantile(0.99), entry.verdict.is_keeping_up});
  }
  return picture;
}

}  // namespace rnnserve::client

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <deque>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "client/cpp/sequences.h"
#include "client/rnnctl/commands.h"
#include "client/rnnctl/sequences_io.h"
#include "client/text/latencies.h"
#include "client/text/progress_bar.h"

namespace rnnserve::client {
namespace {

// Collects the outputs of one sequence as its steps are answered.
class OutputRows {
 public:
  explicit OutputRows(bool is_last_only) : is_last_only_(is_last_only) {}

  // `output` is [time, outputs], or [outputs] after the last timestep.
  void Append(const Tensor& output) {
    num_columns_ = output.shape().back();
    absl::Span<const float> rows = output.floats();
    if (is_last_only_) {
      rows.remove_prefix(rows.size() - static_cast<size_t>(num_columns_));
      values_.clear();
    }
    values_.insert(values_.end(), rows.begin(), rows.end());
  }

  // Returns [rows, outputs], or only the last row, [outputs].
  Tensor Take() && {
    if (is_last_only_) return Tensor({num_columns_}, std::move(values_));
    const int64_t num_rows = static_cast<int64_t>(values_.size()) / num_columns_;
    return Tensor({num_rows, num_columns_}, std::move(values_));
  }

 private:
  const bool is_last_only_;
  int64_t num_columns_ = 1;
  std::vector<float> values_;
};

// Collects all outputs of one sequence. A model with one output has one, without a name.
class SequenceOutputs {
 public:
  explicit SequenceOutputs(bool is_last_only) : is_last_only_(is_last_only) {}

  void Append(const StepResult& step) {
    if (step.outputs.empty()) return RowsOf(0, "").Append(step.output);
    for (size_t k = 0; k < step.outputs.size(); ++k) {
      RowsOf(k, step.outputs[k].name).Append(step.outputs[k].value);
    }
  }

  std::vector<NamedTensor> Take() && {
    std::vector<NamedTensor> outputs;
    for (auto& [name, rows] : rows_) outputs.push_back({name, std::move(rows).Take()});
    return outputs;
  }

 private:
  OutputRows& RowsOf(size_t k, const std::string& name) {
    if (k == rows_.size()) rows_.emplace_back(name, OutputRows(is_last_only_));
    return rows_[k].second;
  }

  const bool is_last_only_;
  std::deque<std::pair<std::string, OutputRows>> rows_;
};

// Keeps the notices of a stream until they may be printed. Thread-safe.
class NoticeList {
 public:
  void Add(const Notice& notice) {
    absl::MutexLock lock(&mu_);
    if (lines_.size() < kMaxLines) lines_.push_back(Describe(notice));
    ++num_;
  }
  void Print(std::ostream& out) {
    absl::MutexLock lock(&mu_);
    for (const std::string& line : lines_) out << line << "\n";
    if (num_ > lines_.size()) out << "... and " << num_ - lines_.size() << " more notices\n";
  }

 private:
  // The most lines that a person will read.
  static constexpr size_t kMaxLines = 20;

  absl::Mutex mu_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mu_);
  size_t num_ ABSL_GUARDED_BY(mu_) = 0;
};

std::string FormatSpeed(size_t num_sequences, int64_t num_timesteps, const Latencies& latencies,
                        absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  return absl::StrFormat(
      "%d sequences, %d timesteps in %.2f s: %.0f timesteps/s; a step took p50 %s, p95 %s, p99 "
      "%s\n",
      num_sequences, num_timesteps, seconds, static_cast<double>(num_timesteps) / seconds,
      FormatLatency(latencies.Quantile(0.5)), FormatLatency(latencies.Quantile(0.95)),
      FormatLatency(latencies.Quantile(0.99)));
}

int64_t TimeOf(const Tensor& sequence) { return sequence.shape()[0]; }
int64_t TimeOf(const NamedSequence& sequence) {
  const auto has_time = [](const SequenceInput& input) { return input.has_time; };
  return std::find_if(sequence.begin(), sequence.end(), has_time)->value.shape()[0];
}

// `Sequence` is Tensor or NamedSequence. REQUIRES: there is at least one.
template <typename Sequence>
absl::Status StreamAll(Client& client, const std::vector<Sequence>& sequences,
                       const Options& options, const Terminal& terminal) {
  int64_t num_timesteps = 0;
  for (const Sequence& sequence : sequences) num_timesteps += TimeOf(sequence);

  std::deque<SequenceOutputs> outputs;
  for (size_t i = 0; i < sequences.size(); ++i) outputs.emplace_back(options.is_last_only);
  Latencies latencies;
  NoticeList notices;
  absl::Status status;
  const absl::Duration began = terminal.clock();
  {
    ProgressBar progress(terminal.progress, "stream", static_cast<size_t>(num_timesteps));
    StreamSequencesOptions run;
    run.num_sessions = options.num_sessions;
    run.timesteps_per_step = options.num_chunk_timesteps;
    run.clock = terminal.clock;
    StreamOptions stream_options;
    stream_options.on_notice = [&notices](const Notice& notice) { notices.Add(notice); };
    const auto stream = client.OpenStream(stream_options);
    const auto on_step = [&](const SequenceStep& step) {
      outputs[step.sequence_index].Append(step.result);
      latencies.Add(step.latency);
      progress.Advance(static_cast<size_t>(step.end - step.begin));
    };
    status = StreamSequences(*stream, options.model, absl::MakeConstSpan(sequences), run, on_step);
    if (status.ok()) status = stream->Finish(CallOptionsOf(options));
  }
  notices.Print(terminal.remarks);
  if (!status.ok()) return status;
  terminal.remarks << FormatSpeed(sequences.size(), num_timesteps, latencies,
                                  terminal.clock() - began);
  std::vector<std::vector<NamedTensor>> all;
  all.reserve(outputs.size());
  for (SequenceOutputs& of_sequence : outputs) all.push_back(std::move(of_sequence).Take());
  return WriteOutputs(std::move(all), options, terminal);
}

}  // namespace

absl::Status RunStream(Client& client, const Options& options, const Terminal& terminal) {
  if (absl::Status status = CheckOutput(options); !status.ok()) return status;
  if (!options.named_inputs.empty()) {
    const auto sequences = ReadNamedSequences(client, options);
    if (!sequences.ok()) return sequences.status();
    if (absl::Status status = CheckLengths(*sequences); !status.ok()) return status;
    return StreamAll(client, *sequences, options, terminal);
  }
  const auto sequences = ReadSequences(client, options);
  return sequences.ok() ? StreamAll(client, *sequences, options, terminal) : sequences.status();
}

}  // namespace rnnserve::client

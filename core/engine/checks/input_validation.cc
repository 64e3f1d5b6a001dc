// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/engine/checks/input_validation.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/engine/checks/step_inputs.h"
#include "core/engine/checks/tensor_checks.h"
#include "core/model/workspace.h"
#include "core/session/reply_window.h"

namespace rnnserve {
namespace {

// Ids and names are keys of maps and appear in replies and logs. 128 characters leave room for a
// UUID and a prefix.
constexpr size_t kMaxNameLength = 128;
// The limit that ResetStateRequest documents. The leases of all these sessions are held at once.
constexpr size_t kMaxResetIds = 1024;

absl::Status CheckName(absl::string_view name, absl::string_view punctuation,
                       absl::string_view reason, absl::string_view what) {
  if (name.empty() || name.size() > kMaxNameLength) {
    return InvalidArgument(
        reason, absl::StrCat(what, " has ", name.size(), " characters, not 1 to ", kMaxNameLength));
  }
  const auto is_bad = [punctuation](char c) {
    return !absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
           punctuation.find(c) == absl::string_view::npos;
  };
  const auto bad = std::find_if(name.begin(), name.end(), is_bad);
  if (bad == name.end()) return absl::OkStatus();
  return InvalidArgument(reason, absl::StrCat(what, ": character ", bad - name.begin(),
                                              " is not a letter, a digit or one of ", punctuation));
}

// Returns the bytes of the states, of the outputs and, if the batch is computed as a whole, of the
// workspace; nullopt if the sum overflows.
std::optional<int64_t> InferBytes(const Model& model, bool is_whole, int64_t batch,
                                  absl::Span<const int64_t> times) {
  // The sum over one row cannot overflow: the times are within the limits of the options, which the
  // program bounds, and the sizes come from a loaded model.
  const std::vector<int64_t> output_times = model.OutputTimes(times);
  int64_t row_bytes = model.state_layout().bytes();
  for (size_t i = 0; i < output_times.size(); ++i) {
    row_bytes += output_times[i] * model.outputs()[i].size * static_cast<int64_t>(sizeof(float));
  }
  const auto result_bytes = CheckedMultiply(batch, row_bytes);
  if (!is_whole || !result_bytes.has_value()) return result_bytes;
  const auto workspace_bytes = Workspace::Bytes(model, batch, times);
  if (!workspace_bytes.has_value()) return std::nullopt;
  return *result_bytes + *workspace_bytes;
}

absl::Status CheckInferBytes(const Model& model, bool is_whole, int64_t batch,
                             absl::Span<const int64_t> times, int64_t max_bytes) {
  RNNSERVE_RETURN_IF_ERROR(model.ValueTimes(times).status());
  const auto bytes = InferBytes(model, is_whole, batch, times);
  if (bytes.has_value() && *bytes <= max_bytes) return absl::OkStatus();
  return InvalidArgument(
      "INFER_BYTES",
      absl::StrCat(batch, " rows of ", absl::StrJoin(times, " and "), " timesteps take ",
                   bytes.has_value() ? absl::StrCat(*bytes) : "too many", " bytes, of at most ",
                   max_bytes, "; send fewer rows"));
}

// Returns the name of input i in error texts.
std::string InputName(const Model& model, size_t i) {
  if (model.inputs().size() == 1) return "input";
  return absl::StrCat("input '", model.inputs()[i].name, "'");
}

// Checks that input i of a step has as many timesteps as the first input that has a time axis.
absl::Status CheckSameTimesteps(const Model& model, size_t i, int64_t time, int64_t first_time) {
  if (!model.inputs()[i].spec.has_time || time == first_time) return absl::OkStatus();
  return InvalidArgument(
      "TIMESTEPS", absl::StrCat("input '", model.inputs()[i].name, "' has ", time,
                                " timesteps, input '", model.inputs()[model.time_input()].name,
                                "' has ", first_time, "; a step has as many in every input"));
}

// Checks that all inputs of a call have the same number of rows.
absl::Status CheckSameRows(const NamedInputs& inputs) {
  const int64_t rows = inputs.front().tensor.shape[0];
  for (const NamedInput& input : inputs) {
    if (input.tensor.shape[0] == rows) continue;
    return InvalidArgument("BATCH_ROWS",
                           absl::StrCat("input '", input.name, "' has ", input.tensor.shape[0],
                                        " rows, input '", inputs.front().name, "' has ", rows));
  }
  return absl::OkStatus();
}

// Checks that no id is given twice.
absl::Status CheckOnce(absl::Span<const std::string> ids, absl::string_view field,
                       absl::string_view reason) {
  absl::flat_hash_set<absl::string_view> seen;
  seen.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    if (seen.insert(ids[i]).second) continue;
    return InvalidArgument(
        reason, absl::StrCat(field, "[", i, "] repeats one of the ", i, " ids before it"));
  }
  return absl::OkStatus();
}

absl::Status CheckOnePerSession(absl::Span<const uint64_t> numbers, int64_t num_sessions,
                                absl::string_view field) {
  const auto count = static_cast<int64_t>(numbers.size());
  if (count == 0 || count == num_sessions) return absl::OkStatus();
  return InvalidArgument("STEP_INDICES", absl::StrCat("there are ", count, " ", field, ", and ",
                                                      num_sessions, " session_ids"));
}

}  // namespace

absl::Status ValidateModelName(absl::string_view name) {
  return CheckName(name, "._-", "MODEL_NAME", "the model name");
}

absl::Status ValidateSessionId(absl::string_view id) {
  return CheckName(id, "._:-", "SESSION_ID", "session_id");
}

absl::StatusOr<absl::Duration> ValidateIdleTimeout(absl::Duration requested,
                                                   const EngineOptions& options) {
  if (requested == absl::ZeroDuration()) return options.max_idle_timeout;
  if (requested > absl::ZeroDuration() && requested <= options.max_idle_timeout) return requested;
  return InvalidArgument("IDLE_TIMEOUT",
                         absl::StrCat("the idle timeout is ", absl::FormatDuration(requested),
                                      ", but must be more than 0 and at most ",
                                      absl::FormatDuration(options.max_idle_timeout)));
}

absl::StatusOr<int> ValidateReplyWindow(int requested) {
  if (requested == 0) return 1;
  if (requested >= 1 && requested <= ReplyWindow::kMaxSize) return requested;
  return InvalidArgument("REPLY_WINDOW", absl::StrCat("the reply window is ", requested,
                                                      ", not 1 to ", ReplyWindow::kMaxSize));
}

absl::Status ValidateStep(absl::Span<const StepInput> inputs, const Model& model,
                          const EngineOptions& options) {
  int64_t first_time = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorChecks checks(model.inputs()[i], inputs[i].tensor, /*has_batch=*/false,
                              InputName(model, i));
    RNNSERVE_RETURN_IF_ERROR(checks.CheckRank());
    RNNSERVE_RETURN_IF_ERROR(checks.CheckTimesteps(options.max_timesteps));
    if (i == model.time_input()) first_time = checks.num_timesteps();
    RNNSERVE_RETURN_IF_ERROR(CheckSameTimesteps(model, i, checks.num_timesteps(), first_time));
    RNNSERVE_RETURN_IF_ERROR(checks.CheckFeatures());
    RNNSERVE_RETURN_IF_ERROR(checks.CheckMask(inputs[i].mask));
    RNNSERVE_RETURN_IF_ERROR(checks.CheckValues());
  }
  return absl::OkStatus();
}

absl::Status ValidateStepSessions(const StepSessionsCall& call, const Model& model,
                                  const EngineOptions& options) {
  const auto num_ids = static_cast<int64_t>(call.session_ids.size());
  if (num_ids < 1 || num_ids > StepSessionsCall::kMaxSessions) {
    return InvalidArgument("SESSION_IDS",
                           absl::StrCat("there are ", num_ids, " session_ids, not 1 to ",
                                        StepSessionsCall::kMaxSessions));
  }
  RNNSERVE_RETURN_IF_ERROR(CheckOnce(call.session_ids, "session_ids", "SESSION_IDS"));
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerSession(call.step_indices, num_ids, "step_indices"));
  RNNSERVE_RETURN_IF_ERROR(CheckOnePerSession(call.epochs, num_ids, "epochs"));
  const auto checks_of = [&](size_t i) {
    return TensorChecks(model.inputs()[i], call.inputs[i].tensor, /*has_batch=*/true,
                        InputName(model, i));
  };
  std::vector<int64_t> times;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const TensorChecks checks = checks_of(i);
    RNNSERVE_RETURN_IF_ERROR(checks.CheckRank());
    const int64_t num_rows = call.inputs[i].tensor.shape[0];
    if (num_rows != num_ids) {
      return InvalidArgument("BATCH_ROWS",
                             absl::StrCat(InputName(model, i), " has ", num_rows,
                                          " rows, and there are ", num_ids, " session_ids"));
    }
    RNNSERVE_RETURN_IF_ERROR(checks.CheckTimesteps(options.max_timesteps));
    times.push_back(checks.num_timesteps());
    if (i >= model.time_input()) {
      RNNSERVE_RETURN_IF_ERROR(CheckSameTimesteps(model, i, times[i], times[model.time_input()]));
    }
    RNNSERVE_RETURN_IF_ERROR(checks.CheckFeatures());
  }
  RNNSERVE_RETURN_IF_ERROR(
      CheckInferBytes(model, /*is_whole=*/false, num_ids, times, options.max_infer_bytes));
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const TensorChecks checks = checks_of(i);
    RNNSERVE_RETURN_IF_ERROR(checks.CheckMask(call.inputs[i].mask));
    RNNSERVE_RETURN_IF_ERROR(checks.CheckValues());
  }
  return absl::OkStatus();
}

absl::Status ValidateInfer(const InferCall& call, const Model& model,
                           const EngineOptions& options) {
  // A call with more rows than the queue can hold would be refused however often it is sent, so it
  // is invalid.
  const int64_t max_rows = std::min(options.max_infer_rows, options.max_queued_steps);
  std::vector<TensorChecks> checks;
  std::vector<int64_t> times;
  for (size_t i = 0; i < call.inputs.size(); ++i) {
    const NamedInput& input = call.inputs[i];
    checks.emplace_back(model.inputs()[i], input.tensor, /*has_batch=*/true, InputName(model, i));
    RNNSERVE_RETURN_IF_ERROR(checks.back().CheckRank());
    RNNSERVE_RETURN_IF_ERROR(checks.back().CheckRows(max_rows));
    RNNSERVE_RETURN_IF_ERROR(checks.back().CheckTimesteps(options.max_timesteps));
    RNNSERVE_RETURN_IF_ERROR(checks.back().CheckFeatures());
    times.push_back(checks.back().num_timesteps());
  }
  RNNSERVE_RETURN_IF_ERROR(CheckSameRows(call.inputs));
  const int64_t rows = call.inputs.front().tensor.shape[0];
  const bool is_whole = !model.is_streamable() || call.training_seed.has_value() ||
                        !HaveSameTimesteps(model, call.inputs);
  RNNSERVE_RETURN_IF_ERROR(CheckInferBytes(model, is_whole, rows, times, options.max_infer_bytes));
  for (size_t i = 0; i < checks.size(); ++i) {
    RNNSERVE_RETURN_IF_ERROR(checks[i].CheckMask(call.inputs[i].mask));
    RNNSERVE_RETURN_IF_ERROR(checks[i].CheckValues());
  }
  return absl::OkStatus();
}

absl::Status ValidateForkTarget(const ForkSessionCall& call) {
  const auto num_ids = static_cast<int64_t>(call.fork_ids.size());
  if ((num_ids == 0) == (call.num_forks == 0)) {
    return InvalidArgument("FORK_TARGET", "give either fork_ids or num_forks");
  }
  const int64_t num_forks = num_ids == 0 ? call.num_forks : num_ids;
  if (num_forks < 1 || num_forks > ForkSessionCall::kMaxForks) {
    return InvalidArgument("FORK_TARGET", absl::StrCat("there are ", num_forks, " forks, not 1 to ",
                                                       ForkSessionCall::kMaxForks));
  }
  for (const std::string& id : call.fork_ids) RNNSERVE_RETURN_IF_ERROR(ValidateSessionId(id));
  return CheckOnce(call.fork_ids, "fork_ids", "FORK_TARGET");
}

absl::Status ValidateResetTarget(const ResetStateCall& call) {
  const size_t num_ids = call.session_ids.size();
  if (call.model.empty() == (num_ids == 0)) {
    return InvalidArgument("RESET_TARGET",
                           absl::StrCat("give either session_ids or model: there are ", num_ids,
                                        " ids and ", call.model.empty() ? "no" : "one", " model"));
  }
  if (num_ids > kMaxResetIds) {
    return InvalidArgument("RESET_TARGET", absl::StrCat("there are ", num_ids,
                                                        " session_ids, at most ", kMaxResetIds));
  }
  return CheckOnce(call.session_ids, "session_ids", "RESET_TARGET");
}

}  // namespace rnnserve

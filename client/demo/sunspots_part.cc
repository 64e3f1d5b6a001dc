// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/demo/measurement.h"
#include "client/demo/parts.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

constexpr char kModel[] = "sunspots";
// The number of months that are shown before and after the reset.
constexpr size_t kMonthsShown = 3;

// Returns the forecast that is made in each month. One session makes all of them and is reset
// before the month `reset_at`.
absl::StatusOr<std::vector<float>> Forecast(const Stage& stage, Measurement* measurement) {
  const SunspotsData& sunspots = stage.data.sunspots;
  const auto stream = stage.client.OpenStream();
  absl::StatusOr<Session> session = stream->OpenSession(kModel);
  if (!session.ok()) return session.status();
  std::vector<float> forecasts;
  for (size_t month = 0; month < sunspots.values.size(); ++month) {
    if (month == sunspots.reset_at) {
      if (absl::Status status = session->ResetState(); !status.ok()) return status;
    }
    const absl::Duration sent_at = stage.clock();
    const auto result = session->Step(Tensor({1, 1}, std::vector<float>{sunspots.values[month]}));
    if (!result.ok()) return result.status();
    measurement->Add(stage.clock() - sent_at);
    if (result->output.num_elements() != 1) {
      return absl::InternalError(
          absl::StrCat("a step of one month has ", result->output.num_elements(), " outputs"));
    }
    forecasts.push_back(result->output.floats()[0]);
  }
  if (absl::Status status = session->Close(); !status.ok()) return status;
  if (absl::Status status = stream->Finish(); !status.ok()) return status;
  return forecasts;
}

std::string ForecastTable(const std::vector<float>& forecasts, const SunspotsData& sunspots) {
  Table table({{"MONTH"},
               {"SUNSPOTS", Table::kRight},
               {"NEXT MONTH", Table::kRight},
               {"KERAS", Table::kRight},
               {"KERAS, NO RESET", Table::kRight}});
  const auto number = [](float value) { return absl::StrFormat("%.3f", value); };
  const size_t reset_at = sunspots.reset_at;
  for (size_t i = reset_at - std::min(reset_at, kMonthsShown);
       i < std::min(reset_at + kMonthsShown, forecasts.size()); ++i) {
    const bool is_reset = i >= reset_at;
    const float keras =
        is_reset ? sunspots.keras_forecasts_after_reset[i] : sunspots.keras_forecasts[i];
    if (i == reset_at) table.AddRow({"-- ResetState --", "", "", "", ""});
    table.AddRow({sunspots.months[i], absl::StrFormat("%.1f", sunspots.values[i]),
                  number(forecasts[i]), number(keras), number(sunspots.keras_forecasts[i])});
  }
  return table.ToString(2);
}

void CheckForecasts(const std::vector<float>& forecasts, const SunspotsData& sunspots,
                    Checks* checks) {
  const absl::Span<const float> all = forecasts;
  const absl::Span<const float> keras = sunspots.keras_forecasts;
  const absl::Span<const float> keras_reset = sunspots.keras_forecasts_after_reset;
  const size_t reset_at = sunspots.reset_at;
  checks->ExpectSmall(LargestDifference(all.first(reset_at), keras.first(reset_at)),
                      "forecasts before the reset match Keras");
  checks->ExpectSmall(LargestDifference(all.subspan(reset_at), keras_reset.subspan(reset_at)),
                      "forecasts after the reset match Keras started anew");
  // Without this, the check above would also pass if nothing had been reset.
  const double gap = LargestDifference(all.subspan(reset_at, 1), keras.subspan(reset_at, 1));
  checks->Expect(
      gap > kTolerance,
      absl::StrFormat("the session was reset: its first forecast after the reset differs "
                      "by %.0f %% from the one without",
                      100 * gap));
}

}  // namespace

absl::Status RunSunspots(const Stage& stage) {
  const SunspotsData& sunspots = stage.data.sunspots;
  stage.out << absl::StrFormat(
      "\n2. How many sunspots will there be next month?  (%s: GRU, GRU, Dense for every "
      "timestep)\n\n"
      "  %d months from %s to %s, one per step in one session,\n"
      "  which is reset before %s.\n\n",
      kModel, sunspots.months.size(), sunspots.months.front(), sunspots.months.back(),
      sunspots.months[sunspots.reset_at]);

  absl::StatusOr<Measurement> measurement = Measurement::Begin(stage, kModel, "Stream.Step");
  if (!measurement.ok()) return measurement.status();
  const absl::StatusOr<std::vector<float>> forecasts = Forecast(stage, &*measurement);
  if (!forecasts.ok()) return forecasts.status();
  if (absl::Status status = measurement->End(); !status.ok()) return status;

  // Each forecast is for the following month.
  const absl::Span<const float> actual = absl::MakeSpan(sunspots.values).subspan(1);
  const absl::Span<const float> made = absl::MakeSpan(*forecasts).first(actual.size());
  const absl::Span<const float> same = absl::MakeSpan(sunspots.values).first(actual.size());
  stage.out
      << ForecastTable(*forecasts, sunspots)
      << absl::StrFormat(
             "\n  Root mean square error %.2f sunspots; repeating this month's value: %.2f.\n\n",
             RootMeanSquare(made, actual), RootMeanSquare(same, actual))
      << measurement->ToString() << "\n";
  CheckForecasts(*forecasts, sunspots, &stage.checks);
  return absl::OkStatus();
}

}  // namespace rnnserve::client

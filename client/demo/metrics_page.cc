// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/metrics_page.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "httplib.h"

namespace rnnserve::client {
namespace {

constexpr time_t kHttpTimeoutSeconds = 10;

struct Sample {
  MetricsPage::Labels labels;
  double value = 0;
};

double ParseNumber(absl::string_view text) {
  double value = 0;
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  return absl::SimpleAtod(text, &value) ? value : 0;
}

// Parses `name="value",name="value"`. Values with quotes or commas do not occur on rnnserve's page.
MetricsPage::Labels ParseLabels(absl::string_view text) {
  MetricsPage::Labels labels;
  for (absl::string_view pair : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    labels[std::string(parts.first)] =
        std::string(absl::StripPrefix(absl::StripSuffix(parts.second, "\""), "\""));
  }
  return labels;
}

// Returns the sample on `line` if it belongs to the series `name`, in the form `name{labels}
// value`.
std::optional<Sample> ParseSample(absl::string_view line, absl::string_view name) {
  if (!absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, "{")) return std::nullopt;
  const size_t end = line.find('}');
  if (end == absl::string_view::npos) return std::nullopt;
  return Sample{ParseLabels(line.substr(0, end)),
                ParseNumber(absl::StripAsciiWhitespace(line.substr(end + 1)))};
}

bool HasLabels(const Sample& sample, const MetricsPage::Labels& labels) {
  for (const auto& [name, value] : labels) {
    const auto it = sample.labels.find(name);
    if (it == sample.labels.end() || it->second != value) return false;
  }
  return true;
}

}  // namespace

Histogram Histogram::Since(const Histogram& earlier) const {
  Histogram difference = *this;
  for (const auto& [bound, count] : earlier.cumulative_) difference.cumulative_[bound] -= count;
  difference.sum_ -= earlier.sum_;
  return difference;
}

double Histogram::Quantile(double q) const {
  const double rank = q * count();
  double lower_bound = 0;
  double lower_count = 0;
  for (const auto& [bound, upper_count] : cumulative_) {
    if (upper_count >= rank && upper_count > lower_count) {
      if (std::isinf(bound)) return lower_bound;
      const double fraction = (rank - lower_count) / (upper_count - lower_count);
      return lower_bound + fraction * (bound - lower_bound);
    }
    if (!std::isinf(bound)) lower_bound = bound;
    lower_count = upper_count;
  }
  return 0;
}

Histogram MetricsPage::HistogramOf(absl::string_view name, const Labels& labels) const {
  Histogram histogram;
  const std::string bucket = absl::StrCat(name, "_bucket");
  const std::string sum = absl::StrCat(name, "_sum");
  for (absl::string_view line : absl::StrSplit(text_, '\n')) {
    if (auto sample = ParseSample(line, bucket); sample && HasLabels(*sample, labels)) {
      histogram.Add(ParseNumber(sample->labels["le"]), sample->value);
    }
    if (auto sample = ParseSample(line, sum); sample && HasLabels(*sample, labels)) {
      histogram.AddSum(sample->value);
    }
  }
  return histogram;
}

absl::StatusOr<MetricsPage> FetchMetrics(const std::string& address) {
  httplib::Client http("http://" + address);
  http.set_connection_timeout(kHttpTimeoutSeconds);
  http.set_read_timeout(kHttpTimeoutSeconds);
  const httplib::Result response = http.Get("/metrics");
  if (!response) {
    return absl::UnavailableError(absl::StrCat("cannot get http://", address,
                                               "/metrics: ", httplib::to_string(response.error())));
  }
  if (response->status != 200) {
    return absl::UnavailableError(
        absl::StrCat("http://", address, "/metrics answers ", response->status));
  }
  return MetricsPage(response->body);
}

}  // namespace rnnserve::client

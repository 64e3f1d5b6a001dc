// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/load/latency_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace rnnserve::client {
namespace {

constexpr double kWidth = 760;
constexpr double kHeight = 480;
// The edges of the plot area between the axes.
constexpr double kLeft = 84;
constexpr double kRight = 704;
constexpr double kTop = 76;
constexpr double kBottom = 400;
// The distance between the centres of two labels that would otherwise overlap.
constexpr double kLabelHeight = 15;
constexpr int kMaxTicks = 8;

struct Line {
  const char* name;
  const char* color;
  absl::Duration LatencyPicture::Point::*latency;
};
constexpr std::array<Line, 3> kLines = {{{"p99", "#b3261e", &LatencyPicture::Point::p99},
                                         {"p90", "#b06f00", &LatencyPicture::Point::p90},
                                         {"p50", "#1b62a5", &LatencyPicture::Point::p50}}};

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// Returns 1, 2 and 5 times a power of ten.
std::array<double, 3> TicksOfDecade(int decade) {
  const double power = std::pow(10, decade);
  return {power, 2 * power, 5 * power};
}

// Returns the ticks of the logarithmic axis: the smallest run of 1-2-5 ticks that encloses [low,
// high].
std::vector<double> LogTicks(double low, double high) {
  std::vector<double> ticks;
  const int first = static_cast<int>(std::floor(std::log10(low))) - 1;
  for (int decade = first; ticks.size() < 2 || ticks.back() < high; ++decade) {
    for (double tick : TicksOfDecade(decade)) {
      if (tick <= low) ticks.clear();
      if (ticks.empty() || ticks.back() < high || ticks.size() < 2) ticks.push_back(tick);
    }
  }
  return ticks;
}

// Returns the ticks of the linear axis, from 0 to at least `high`, with at most kMaxTicks
// intervals.
std::vector<double> LinearTicks(double high) {
  int decade = static_cast<int>(std::floor(std::log10(high))) - 2;
  double step = 0;
  for (; step == 0; ++decade) {
    for (double tick : TicksOfDecade(decade)) {
      if (step == 0 && high <= tick * kMaxTicks) step = tick;
    }
  }
  std::vector<double> ticks = {0};
  while (ticks.back() < high) ticks.push_back(step * static_cast<double>(ticks.size()));
  return ticks;
}

std::string LatencyLabel(double seconds) {
  if (seconds < 0.9995e-3) return absl::StrFormat("%g us", std::round(seconds * 1e9) / 1e3);
  if (seconds < 0.9995) return absl::StrFormat("%g ms", std::round(seconds * 1e6) / 1e3);
  return absl::StrFormat("%g s", std::round(seconds * 1e3) / 1e3);
}

std::string Text(double x, double y, const char* attributes, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" %s>%s</text>\n", x, y, attributes,
                         Escape(text));
}

// The points that can be drawn, ordered by load, and their positions.
class Field {
 public:
  explicit Field(const std::vector<LatencyPicture::Point>& points) {
    for (const LatencyPicture::Point& point : points) {
      if (point.steps_per_second > 0 && point.p50 > absl::ZeroDuration()) points_.push_back(point);
    }
    std::sort(points_.begin(), points_.end(),
              [](const auto& a, const auto& b) { return a.steps_per_second < b.steps_per_second; });
    double low = points_.empty() ? 1e-3 : 1e9;
    double high = points_.empty() ? 1 : 0;
    double most = points_.empty() ? 1 : points_.back().steps_per_second;
    for (const auto& point : points_) {
      low = std::min(low, absl::ToDoubleSeconds(point.p50));
      high = std::max(high, absl::ToDoubleSeconds(point.p99));
    }
    x_ticks_ = LinearTicks(most);
    y_ticks_ = LogTicks(low, high);
  }

  double X(double steps_per_second) const {
    return kLeft + (kRight - kLeft) * steps_per_second / x_ticks_.back();
  }
  double Y(double seconds) const {
    const double share =
        std::log(seconds / y_ticks_.front()) / std::log(y_ticks_.back() / y_ticks_.front());
    return kBottom - (kBottom - kTop) * share;
  }

  std::string DrawAxes() const {
    std::string svg;
    for (double tick : y_ticks_) {
      absl::StrAppend(&svg, absl::StrFormat("<path d=\"M%.1f %.1fH%.1f\" stroke=\"#e3e3e3\"/>\n",
                                            kLeft, Y(tick), kRight));
      absl::StrAppend(&svg,
                      Text(kLeft - 8, Y(tick) + 4, "text-anchor=\"end\"", LatencyLabel(tick)));
    }
    for (double tick : x_ticks_) {
      absl::StrAppend(
          &svg, absl::StrFormat("<path d=\"M%.1f %.1fv5\" stroke=\"#777\"/>\n", X(tick), kBottom));
      absl::StrAppend(&svg, Text(X(tick), kBottom + 20, "text-anchor=\"middle\"",
                                 absl::StrFormat("%.15g", tick)));
    }
    absl::StrAppend(&svg, absl::StrFormat("<path d=\"M%.1f %.1fV%.1fH%.1f\" stroke=\"#777\" "
                                          "fill=\"none\"/>\n",
                                          kLeft, kTop, kBottom, kRight));
    return svg;
  }

  std::string DrawLine(const Line& line) const {
    std::string path;
    std::string marks;
    for (const auto& point : points_) {
      const double x = X(point.steps_per_second);
      const double y = Y(absl::ToDoubleSeconds(point.*line.latency));
      absl::StrAppend(&path, absl::StrFormat("%c%.1f %.1f", path.empty() ? 'M' : 'L', x, y));
      absl::StrAppend(
          &marks, absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" "
                                  "stroke=\"%s\" stroke-width=\"1.5\" fill=\"%s\"/>\n",
                                  x, y, line.color, point.is_keeping_up ? line.color : "white"));
    }
    if (path.empty()) return "";
    return absl::StrCat("<path d=\"", path, "\" stroke=\"", line.color,
                        "\" stroke-width=\"2\" fill=\"none\"/>\n", marks);
  }

  // Draws the names of the lines next to their last points, from top to bottom without overlap.
  std::string DrawNames() const {
    std::string svg;
    if (points_.empty()) return svg;
    double y = kTop - 2 * kLabelHeight;
    for (const Line& line : kLines) {
      y = std::max(Y(absl::ToDoubleSeconds(points_.back().*line.latency)) + 4, y + kLabelHeight);
      const std::string attributes = absl::StrCat("font-weight=\"600\" fill=\"", line.color, "\"");
      absl::StrAppend(
          &svg, Text(X(points_.back().steps_per_second) + 9, y, attributes.c_str(), line.name));
    }
    return svg;
  }

 private:
  std::vector<LatencyPicture::Point> points_;
  std::vector<double> x_ticks_;
  // In seconds.
  std::vector<double> y_ticks_;
};

}  // namespace

std::string LatencyPicture::ToSvg() const {
  const Field field(points);
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
      "viewBox=\"0 0 %.0f %.0f\" font-family=\"system-ui, sans-serif\" font-size=\"12\" "
      "fill=\"#333\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      kWidth, kHeight, kWidth, kHeight);
  absl::StrAppend(&svg, Text(24, 30, "font-size=\"17\" font-weight=\"600\" fill=\"#111\"", title),
                  Text(24, 50, "fill=\"#666\"", subtitle), field.DrawAxes());
  for (const Line& line : kLines) absl::StrAppend(&svg, field.DrawLine(line));
  absl::StrAppend(&svg, field.DrawNames(),
                  Text((kLeft + kRight) / 2, kBottom + 44, "text-anchor=\"middle\"",
                       "offered load (steps per second)"),
                  Text((kLeft + kRight) / 2, kBottom + 64, "text-anchor=\"middle\" fill=\"#666\"",
                       "hollow: the server did not keep up"));
  absl::StrAppend(&svg, absl::StrFormat("<text transform=\"translate(22 %.1f) rotate(-90)\" "
                                        "text-anchor=\"middle\">step latency</text>\n</svg>\n",
                                        (kTop + kBottom) / 2));
  return svg;
}

}  // namespace rnnserve::client

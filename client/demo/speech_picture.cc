// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "client/demo/speech_picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rnnserve::client {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 260;
// The edges of the plot between the axes.
constexpr double kLeft = 56;
constexpr double kRight = 884;
constexpr double kTop = 48;
constexpr double kBottom = 216;

constexpr std::array<const char*, 9> kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

double Y(double value) { return kBottom - (kBottom - kTop) * value; }

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor,
                         text);
}

double X(const SpeechPicture& picture, size_t frame) {
  const double num_frames = static_cast<double>(std::max<size_t>(picture.probabilities.size(), 1));
  return kLeft + (kRight - kLeft) * static_cast<double>(frame) / num_frames;
}

std::string DrawSegments(const SpeechPicture& picture) {
  std::string svg;
  for (const SpeechSegment& segment : picture.segments) {
    const double width = X(picture, segment.end) - X(picture, segment.begin);
    absl::StrAppendFormat(
        &svg, "<rect x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"%g\" fill=\"#e7f0fa\"/>\n",
        X(picture, segment.begin), kTop, width, kBottom - kTop);
  }
  return svg;
}

std::string DrawAxes(const SpeechPicture& picture) {
  std::string svg;
  for (double value : {0.0, 0.5, 1.0}) {
    absl::StrAppendFormat(&svg, "<path d=\"M%g %.1fH%g\" stroke=\"#d0d0d0\"/>\n", kLeft, Y(value),
                          kRight);
    absl::StrAppend(&svg, Text(kLeft - 8, Y(value) + 4, "end", absl::StrFormat("%.1f", value)));
  }
  const double seconds =
      static_cast<double>(picture.probabilities.size()) * picture.seconds_per_frame;
  for (int second = 0; second < seconds; ++second) {
    absl::StrAppend(&svg, Text(kLeft + (kRight - kLeft) * second / seconds, kBottom + 18, "middle",
                               absl::StrCat(second, " s")));
  }
  return svg;
}

std::string DrawFrames(const SpeechPicture& picture) {
  std::string sound;
  std::string line;
  for (size_t frame = 0; frame < picture.probabilities.size(); ++frame) {
    absl::StrAppendFormat(&sound, "M%.1f %.1fV%.1f", X(picture, frame), kBottom,
                          Y(double{picture.loudness[frame]}));
    absl::StrAppendFormat(&line, "%s%.1f %.1f", frame == 0 ? "M" : "L", X(picture, frame),
                          Y(double{picture.probabilities[frame]}));
  }
  return absl::StrCat("<path d=\"", sound, "\" stroke=\"#9a9a9a\" stroke-width=\"1.2\"/>\n",
                      "<path d=\"", line,
                      "\" stroke=\"#1b62a5\" stroke-width=\"1.8\" fill=\"none\"/>\n");
}

}  // namespace

std::string SpeechPicture::ToSvg() const {
  return absl::StrCat(
      absl::StrFormat("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
                      "font-family=\"sans-serif\" font-size=\"12\" fill=\"#444\">\n"
                      "<rect width=\"%g\" height=\"%g\" fill=\"#fff\"/>\n",
                      kWidth, kHeight, kWidth, kHeight),
      Text(kLeft, 24, "start", title),
      Text(kRight, 24, "end",
           "blue: probability of speech; grey: loudness; shaded: somebody speaks"),
      DrawSegments(*this), DrawAxes(*this), DrawFrames(*this), "</svg>\n");
}

std::string Sparkline(absl::Span<const float> values, size_t num_columns) {
  std::string line;
  for (size_t column = 0; column < num_columns; ++column) {
    const size_t begin = column * values.size() / num_columns;
    const size_t end = (column + 1) * values.size() / num_columns;
    const double sum = std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(begin),
                                       values.begin() + static_cast<std::ptrdiff_t>(end), 0.0);
    const double mean = std::clamp(sum / static_cast<double>(end - begin), 0.0, 1.0);
    absl::StrAppend(
        &line,
        kBlocks[static_cast<size_t>(std::lround(mean * static_cast<double>(kBlocks.size() - 1)))]);
  }
  return line;
}

}  // namespace rnnserve::client

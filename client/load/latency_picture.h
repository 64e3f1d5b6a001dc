// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CLIENT_LOAD_LATENCY_PICTURE_H_
#define RNNSERVE_CLIENT_LOAD_LATENCY_PICTURE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace rnnserve::client {

// A chart of latency against offered load.
struct LatencyPicture {
  struct Point {
    double steps_per_second = 0;
    absl::Duration p50;
    absl::Duration p90;
    absl::Duration p99;
    // If false, the point is drawn hollow.
    bool is_keeping_up = true;
  };

  std::string title;
  // A line below the title.
  std::string subtitle;
  // In any order. Points without a positive latency cannot be drawn and are left out.
  std::vector<Point> points;

  // Returns an SVG document of 760 by 480 on a white background: three lines over a logarithmic
  // latency axis. Texts are escaped.
  std::string ToSvg() const;
};

}  // namespace rnnserve::client

#endif  // RNNSERVE_CLIENT_LOAD_LATENCY_PICTURE_H_

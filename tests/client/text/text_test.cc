// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

// Tests the texts that the client programs print, character by character.

#include <gtest/gtest.h>

#include <sstream>

#include "client/text/latencies.h"
#include "client/text/progress_bar.h"
#include "client/text/table.h"

namespace rnnserve::client {
namespace {

TEST(TableTest, AlignsItsColumns) {
  Table table({{"MODEL"}, {"BYTES", Table::kRight}, {"NOTE"}});
  table.AddRow({"a", "8", "short"});
  table.AddRow({"long_name", "1024", ""});

  EXPECT_EQ(table.ToString(),
            "MODEL      BYTES  NOTE\n"
            "a              8  short\n"
            "long_name   1024\n");
}

TEST(TableTest, IndentsEveryLine) {
  Table table({{"A"}});
  table.AddRow({"b"});

  EXPECT_EQ(table.ToString(2), "  A\n  b\n");
}

TEST(ProgressBarTest, DrawsOnlyWhenThePercentageChanges) {
  std::ostringstream out;
  {
    ProgressBar bar(&out, "work", 1000);
    bar.Advance(5);
    bar.Advance(5);
  }

  EXPECT_EQ(out.str(),
            "\rwork [..............................]   0% (0/1000)"
            "\rwork [..............................]   1% (10/1000)\r" +
                std::string(52, ' ') + "\r");
}

TEST(ProgressBarTest, IsFullAtTheEndAndNotBeyond) {
  std::ostringstream out;
  ProgressBar bar(&out, "work", 2);

  bar.Advance(3);

  EXPECT_NE(out.str().find("[##############################] 100% (2/2)"), std::string::npos);
}

TEST(ProgressBarTest, DrawsNothingWithoutAnOutput) {
  ProgressBar bar(nullptr, "work", 0);
  bar.Advance(1);
}

TEST(LatenciesTest, FindsQuantilesByNearestRank) {
  Latencies latencies;
  for (int i = 100; i >= 1; --i) latencies.Add(absl::Milliseconds(i));

  EXPECT_EQ(latencies.Quantile(0.5), absl::Milliseconds(50));
  EXPECT_EQ(latencies.Quantile(0.99), absl::Milliseconds(99));
  EXPECT_EQ(latencies.Quantile(1), absl::Milliseconds(100));
  EXPECT_EQ(Latencies().Quantile(0.5), absl::ZeroDuration());
}

TEST(LatenciesTest, FormatsThreeDigits) {
  EXPECT_EQ(FormatLatency(absl::Microseconds(850)), "850 us");
  EXPECT_EQ(FormatLatency(absl::Microseconds(1254)), "1.25 ms");
  EXPECT_EQ(FormatLatency(absl::Microseconds(12540)), "12.5 ms");
  EXPECT_EQ(FormatLatency(absl::Microseconds(125400)), "125 ms");
  EXPECT_EQ(FormatLatency(absl::Milliseconds(3100)), "3.10 s");
}

}  // namespace
}  // namespace rnnserve::client

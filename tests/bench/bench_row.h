// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_BENCH_BENCH_ROW_H_
#define RNNSERVE_TESTS_BENCH_BENCH_ROW_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/aligned_buffer.h"
#include "core/kernels/weight_type.h"
#include "tests/bench/timed_calls.h"

namespace rnnserve::testing {

// Measures one row of the table: our code, the code that it is compared with, and the ceilings of
// this machine, all timed in turns. Derived classes decide what is timed. Used by one thread at a
// time: the one that runs the benchmark.
class BenchRow {
 public:
  virtual ~BenchRow() = default;
  // Not copied or moved, because the timed functions refer to it.
  BenchRow(const BenchRow&) = delete;
  BenchRow& operator=(const BenchRow&) = delete;

  // Times one slice of each function, one after the other, starting with a different one each time.
  // Returns the seconds of our slice.
  double TimeSlices();

  // Returns the numbers of the report by name: the sizes of the row, and from the last TimeSlices()
  //
  //   us/NAME              microseconds of one call, for "ours" and each function compared with it
  //   fma_flops_per_s      the rate of multiply-adds in registers; for narrow weights that the
  //                        instruction set multiplies directly, one of these two instead:
  //   pair_flops_per_s     the rate for pairs of bfloat16
  //   four_flops_per_s     the rate for groups of four int8
  //   read_bytes_per_s     the rate of reading a buffer as large as all weights of the row
  //   recurrent_read_...   the same for a buffer as large as its recurrent weights, if they are
  //                        read more than once
  const std::map<std::string, double>& counters() const { return counters_; }

 protected:
  static constexpr char kOurs[] = "us/ours";

  // The row has `num_weights` weights of the type `weights`; `num_recurrent` of them multiply the
  // states. One call does `num_operations` operations.
  BenchRow(WeightType weights, int64_t num_weights, int64_t num_recurrent, double num_operations);

  // Times `call`, which counts as `num_calls` calls, under a name (us/...).
  void AddCall(const std::string& name, std::function<void()> call, int num_calls = 1);
  // Adds the ceilings. With `is_read_often`, also adds the ceiling for reading the recurrent
  // weights alone.
  void AddCeilings(bool is_read_often);

 private:
  // Returns the bytes of `num_weights` weights of the row's type, without scales.
  double BytesOf(int64_t num_weights) const;
  // Returns the number of streams with which reading the buffer is fastest.
  int FastestStreams(const AlignedBuffer& buffer) const;
  // Adds a function to time. `report` receives the duration of one call, in seconds.
  void Add(std::function<void()> call, std::function<void(double)> report);
  void AddArithmeticCeiling();
  void AddReadCeiling(const std::string& counter, int64_t num_weights);

  // A timed function, and the function that receives its duration in seconds.
  struct Timed {
    TimedCalls calls;
    std::function<void(double)> report;
  };

  const WeightType weights_;
  const int64_t num_weights_;
  const int64_t num_recurrent_;
  const double slice_seconds_;
  std::vector<std::unique_ptr<AlignedBuffer>> buffers_;
  std::vector<Timed> timed_;
  size_t first_ = 0;
  std::map<std::string, double> counters_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_BENCH_ROW_H_

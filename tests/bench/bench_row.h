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

// What is timed for one row of the table: ours, others beside it, and the ceilings of this machine,
// all in turns. What they are is up to who derives from it. Used by one thread at a time.
class BenchRow {
 public:
  virtual ~BenchRow() = default;
  // Neither copied nor moved: the timed functions refer to it.
  BenchRow(const BenchRow&) = delete;
  BenchRow& operator=(const BenchRow&) = delete;

  // Times a slice of each, one after the other and each time with another one first. Returns that
  // of ours, in seconds.
  double TimeSlices();

  // What a report needs, by name: the sizes of the row, and of the last TimeSlices()
  //
  //   us/NAME              microseconds of one call, of "ours" and of each thing beside it
  //   fma_flops_per_s      the rate of multiplications and additions in registers, or instead
  //   pair_flops_per_s     that of pairs of bfloat16, or
  //   four_flops_per_s     that of fours of int8, where the weights and the instruction set have
  //                        them
  //   read_bytes_per_s     at which a buffer as large as all weights of the row is read, and
  //   recurrent_read_...   as large as its recurrent weights, if they are read more than once
  const std::map<std::string, double>& counters() const { return counters_; }

 protected:
  static constexpr char kOurs[] = "us/ours";

  // For weights of a type, and so many of them in all, `recurrent` of them of the states; one call
  // does `num_operations`.
  BenchRow(WeightType weights, int64_t num_weights, int64_t num_recurrent, double num_operations);

  // Times `call` under a name (us/...) as so many calls.
  void AddCall(const std::string& name, std::function<void()> call, int num_calls = 1);
  // The ceilings; with `is_read_often` that of reading the recurrent weights alone too.
  void AddCeilings(bool is_read_often);

 private:
  // Of weights of the row's type, without the scales.
  double BytesOf(int64_t num_weights) const;
  // In how many places at once to read a buffer, so that it is fastest.
  int FastestStreams(const AlignedBuffer& buffer) const;
  // `report` is given the seconds of one call.
  void Add(std::function<void()> call, std::function<void(double)> report);
  void AddArithmeticCeiling();
  void AddReadCeiling(const std::string& counter, int64_t num_weights);

  // A function, and what becomes of the seconds that it takes.
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

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
#include "tests/bench/layer_task.h"
#include "tests/bench/peers/peer.h"
#include "tests/bench/timed_calls.h"

namespace rnnserve::testing {

// All that is timed for one row of the table: our layer with weights of one type, our layer in
// float32 unless it is that already, every installed peer that can do the same with weights of that
// type, and the ceilings of this machine. Owns them. Used by one thread at a time.
class BenchRow {
 public:
  // Ends the program with exit code 1 if a peer, or our layer with narrower weights, computes
  // something else than our layer in float32 does.
  BenchRow(const LayerKind& kind, WeightType weights, const LayerShape& shape);
  // Neither copied nor moved: the timed functions refer to it.
  BenchRow(const BenchRow&) = delete;
  BenchRow& operator=(const BenchRow&) = delete;

  // Times a slice of each, one after the other and each time with another one first. Returns that
  // of our layer, in seconds.
  double TimeSlices();

  // What a report needs, by name: the sizes of the row, and of the last TimeSlices()
  //
  //   us/NAME              microseconds of one call, of "ours", of "our fp32" beside narrower
  //                        weights, and of each peer
  //   fma_flops_per_s      the rate of multiplications and additions in registers, or instead
  //   pair_flops_per_s     that of pairs of bfloat16, where the weights and the instruction set
  //                        have them
  //   read_bytes_per_s     at which a buffer as large as all weights of the row is read, and
  //   recurrent_read_...   as large as its recurrent weights, if they are read more than once
  const std::map<std::string, double>& counters() const { return counters_; }

 private:
  // Of weights of the row's type, without the scales.
  double BytesOf(int64_t num_weights) const;
  // In how many places at once to read a buffer, so that it is fastest.
  int FastestStreams(const AlignedBuffer& buffer) const;
  void AddPeers(const std::vector<float>& expected);
  // `report` is given the seconds of one call.
  void Add(std::function<void()> call, std::function<void(double)> report);
  void AddLayer(const std::string& name, Peer& peer);
  void AddArithmeticCeiling();
  void AddReadCeiling(const std::string& counter, int64_t num_weights);

  // A function, and what becomes of the seconds that it takes.
  struct Timed {
    TimedCalls calls;
    std::function<void(double)> report;
  };

  const LayerTask task_;
  const WeightType weights_;
  const double slice_seconds_;
  std::vector<std::unique_ptr<Peer>> layers_;  // ours in float32 first
  std::vector<std::unique_ptr<AlignedBuffer>> buffers_;
  std::vector<Timed> timed_;
  size_t first_ = 0;
  std::map<std::string, double> counters_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_BENCH_BENCH_ROW_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_SESSION_ARENA_H_
#define RNNSERVE_CORE_SESSION_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"

namespace rnnserve {

// Places of one size in large chunks of contiguous memory, for what there are a million of: a place
// costs four bytes beside itself. A place in use never moves, begins at a multiple of 64 bytes and
// holds zeros at first; it is set to zeros again when it is freed.
//
//   chunk 0  | a | b | . | d |        . = free; the free places of a chunk are a list
//   chunk 1  | e | . | . | . |
//
// The lowest chunk that has room is filled first, so that the others become empty. Memory is asked
// of the system, and given back to it, in whole chunks; one empty chunk is kept, so that opening
// and closing one session does neither. The free places of a chunk in use stay with the arena: it
// never takes more than its places did when they were most, and one chunk.
//
// Owns the memory. Thread-compatible; a place itself belongs to whom it was allocated for. Under
// AddressSanitizer whoever touches a free one is found out.
class Arena {
 public:
  // Says which place, and that it is still the same use of it. One that was freed is stale for good
  // (the generation returns after 2^31 allocations).
  struct Place {
    uint32_t index = 0;
    uint32_t generation = 0;  // odd, of a place that was ever in use
  };

  // The bytes of a chunk, or of its single place if that is larger. As much as a large page of the
  // memory hardware, which an arena of many chunks asks for; with more, an arena of few places
  // would keep more for nothing.
  static constexpr int64_t kChunkBytes = int64_t{2} << 20;

  // REQUIRES: place_bytes >= 0.
  explicit Arena(int64_t place_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Nothing if the system has no more memory or there are 2^32 places.
  std::optional<Place> Allocate();
  // REQUIRES: the place is in use; aborts, with a message, if it is stale.
  void Free(Place place);

  // Where the place lies. REQUIRES: as Free.
  std::byte* At(Place place) const;
  // The same for the place in use that has this index, whatever its generation.
  std::byte* AtIndex(uint32_t index) const {
    return chunks_[index >> chunk_shift_].memory + int64_t{index & offset_mask_} * stride_;
  }

  // The first place in use from this index on. It goes over at most one chunk that has one.
  std::optional<uint32_t> NextUsed(uint32_t index) const;

  int64_t num_used() const { return num_used_; }
  // The memory of all chunks.
  int64_t reserved_bytes() const { return num_chunks_ * chunk_bytes(); }

 private:
  struct Chunk {
    std::byte* memory = nullptr;  // null while the chunk is given back
    // Of a place in use its generation, of a free one twice the offset of the next that is free.
    std::unique_ptr<uint32_t[]> marks;
    uint32_t first_free = 0;
    uint32_t num_used = 0;
  };

  uint32_t places_per_chunk() const { return offset_mask_ + 1; }
  int64_t chunk_bytes() const { return stride_ * places_per_chunk(); }
  uint32_t& CheckedMark(Place place) const;
  // Whether there was memory for it.
  bool AddChunk();
  void GiveBack(uint32_t chunk_index);
  void Unmap(const Chunk& chunk);

  const int64_t stride_;  // bytes from one place to the next
  const int chunk_shift_;
  const uint32_t offset_mask_;
  uint32_t next_generation_ = 1;
  int64_t num_used_ = 0;
  int64_t num_chunks_ = 0;        // with memory
  int64_t num_empty_chunks_ = 0;  // of these: 0 or 1
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> given_back_;  // chunks without memory
  absl::btree_set<uint32_t> chunks_with_room_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_ARENA_H_

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

// An allocator of places of one size, in large chunks of contiguous memory. Made for millions of
// places: each costs four bytes on top of its size. A place in use never moves and begins at a
// multiple of 64 bytes. It holds zeros when it is allocated, and is set to zeros when it is freed.
//
//   chunk 0  | a | b | . | d |        . = free; the free places of a chunk form a list
//   chunk 1  | e | . | . | . |
//
// Allocate fills the lowest chunk that has room, so that higher chunks become empty. The arena maps
// and unmaps whole chunks. It keeps one empty chunk, so that opening and closing a single session
// maps and unmaps nothing. The free places of a chunk in use stay with the arena, so it never takes
// more memory than its places did at their peak, plus one chunk.
//
// Owns the memory. Thread-compatible; whoever allocated a place may use it without the
// synchronisation that the arena's functions need. AddressSanitizer reports access to a free place.
class Arena {
 public:
  // A handle to one use of a place. It is stale once the place is freed, and stays stale: the
  // generation repeats only after 2^31 allocations.
  struct Place {
    uint32_t index = 0;
    uint32_t generation = 0;  // odd in every handle that Allocate returned
  };

  // The bytes of a chunk, unless a single place is larger. This is the size of a huge page, which
  // an arena with many chunks asks for. Larger chunks would waste more memory in an arena with few
  // places.
  static constexpr int64_t kChunkBytes = int64_t{2} << 20;

  // REQUIRES: place_bytes >= 0.
  explicit Arena(int64_t place_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Allocates a place. Returns nothing if the system has no more memory or there are 2^32 places.
  std::optional<Place> Allocate();
  // Frees a place. REQUIRES: it is in use; aborts, with a message, if the handle is stale.
  void Free(Place place);

  // Returns the address of a place. REQUIRES: it is in use; aborts, with a message, if the handle
  // is stale.
  std::byte* At(Place place) const;
  // Returns the address of the place with this index, whatever its generation. REQUIRES: it is in
  // use.
  std::byte* AtIndex(uint32_t index) const {
    return chunks_[index >> chunk_shift_].memory + int64_t{index & offset_mask_} * stride_;
  }

  // Returns the lowest index in use that is not below `index`. Scans at most two chunks that have
  // places in use.
  std::optional<uint32_t> NextUsed(uint32_t index) const;

  int64_t num_used() const { return num_used_; }
  // Returns the bytes of all mapped chunks.
  int64_t reserved_bytes() const { return num_chunks_ * chunk_bytes(); }

 private:
  struct Chunk {
    std::byte* memory = nullptr;  // null while the chunk is not mapped
    // For a place in use, its generation, which is odd. For a free place, twice the offset of the
    // next free place.
    std::unique_ptr<uint32_t[]> marks;
    uint32_t first_free = 0;
    uint32_t num_used = 0;
  };

  uint32_t places_per_chunk() const { return offset_mask_ + 1; }
  int64_t chunk_bytes() const { return stride_ * places_per_chunk(); }
  uint32_t& CheckedMark(Place place) const;
  // Maps a chunk. Returns whether there was memory for it.
  bool AddChunk();
  void GiveBack(uint32_t chunk_index);
  void Unmap(const Chunk& chunk);

  const int64_t stride_;  // bytes from one place to the next
  const int chunk_shift_;
  const uint32_t offset_mask_;
  uint32_t next_generation_ = 1;
  int64_t num_used_ = 0;
  int64_t num_chunks_ = 0;        // mapped
  int64_t num_empty_chunks_ = 0;  // mapped without a place in use: 0 or 1
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> given_back_;  // chunks that are not mapped
  absl::btree_set<uint32_t> chunks_with_room_;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_SESSION_ARENA_H_

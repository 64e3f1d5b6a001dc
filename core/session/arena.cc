// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/session/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/aligned_buffer.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __asan_poison_memory_region(const volatile void* begin, size_t size);
extern "C" void __asan_unpoison_memory_region(const volatile void* begin, size_t size);
#endif

namespace rnnserve {
namespace {

// Tell AddressSanitizer, in builds that have it, which memory nobody may touch.
void MarkFree([[maybe_unused]] const std::byte* begin, [[maybe_unused]] int64_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(begin, static_cast<size_t>(size));
#endif
}
void MarkUsed([[maybe_unused]] const std::byte* begin, [[maybe_unused]] int64_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(begin, static_cast<size_t>(size));
#endif
}

// The number of chunks on small pages before an arena asks for huge pages. A huge page takes its
// memory as a whole; after four other chunks, that costs an arena at most a quarter more than it
// needs.
constexpr int64_t kChunksOfSmallPages = 4;

int64_t Stride(int64_t place_bytes) {
  constexpr int64_t kQuantum = AlignedBuffer::kAlignmentBytes;
  return std::max<int64_t>(1, (place_bytes + kQuantum - 1) / kQuantum) * kQuantum;
}

// Rounds the number of places in a chunk down to a power of two, so that an index can be split into
// chunk and offset without a division.
int ChunkShift(int64_t stride) {
  const auto places = static_cast<uint64_t>(std::max<int64_t>(1, Arena::kChunkBytes / stride));
  return static_cast<int>(std::bit_width(places)) - 1;
}

}  // namespace

Arena::Arena(int64_t place_bytes)
    : stride_(Stride(place_bytes)),
      chunk_shift_(ChunkShift(stride_)),
      offset_mask_((uint32_t{1} << chunk_shift_) - 1) {}

Arena::~Arena() {
  for (const Chunk& chunk : chunks_) {
    if (chunk.memory != nullptr) Unmap(chunk);
  }
}

std::optional<Arena::Place> Arena::Allocate() {
  if (chunks_with_room_.empty() && !AddChunk()) return std::nullopt;
  const uint32_t chunk_index = *chunks_with_room_.begin();
  Chunk& chunk = chunks_[chunk_index];
  if (chunk.num_used == 0) --num_empty_chunks_;
  const uint32_t offset = chunk.first_free;
  uint32_t& mark = chunk.marks[offset];
  chunk.first_free = mark / 2;
  mark = std::exchange(next_generation_, next_generation_ + 2);
  ++num_used_;
  if (++chunk.num_used == places_per_chunk()) {
    chunks_with_room_.erase(chunks_with_room_.begin());
  }
  const Place place{(chunk_index << chunk_shift_) | offset, mark};
  MarkUsed(AtIndex(place.index), stride_);
  return place;
}

void Arena::Free(Place place) {
  uint32_t& mark = CheckedMark(place);
  std::memset(AtIndex(place.index), 0, static_cast<size_t>(stride_));
  MarkFree(AtIndex(place.index), stride_);
  const uint32_t chunk_index = place.index >> chunk_shift_;
  Chunk& chunk = chunks_[chunk_index];
  mark = 2 * std::exchange(chunk.first_free, place.index & offset_mask_);
  --num_used_;
  if (chunk.num_used-- == places_per_chunk()) chunks_with_room_.insert(chunk_index);
  if (chunk.num_used > 0) return;
  if (num_empty_chunks_ == 0) {
    num_empty_chunks_ = 1;
  } else {
    GiveBack(chunk_index);
  }
}

std::byte* Arena::At(Place place) const {
  CheckedMark(place);
  return AtIndex(place.index);
}

std::optional<uint32_t> Arena::NextUsed(uint32_t index) const {
  uint32_t offset = index & offset_mask_;
  for (size_t i = index >> chunk_shift_; i < chunks_.size(); ++i, offset = 0) {
    if (chunks_[i].num_used == 0) continue;
    for (; offset < places_per_chunk(); ++offset) {
      // A place in use has an odd mark.
      if (chunks_[i].marks[offset] % 2 == 1) {
        return static_cast<uint32_t>(i << chunk_shift_) | offset;
      }
    }
  }
  return std::nullopt;
}

uint32_t& Arena::CheckedMark(Place place) const {
  const uint32_t chunk_index = place.index >> chunk_shift_;
  if (chunk_index < chunks_.size() && chunks_[chunk_index].memory != nullptr) {
    uint32_t& mark = chunks_[chunk_index].marks[place.index & offset_mask_];
    if (mark == place.generation && mark % 2 == 1) return mark;
  }
  std::fprintf(stderr, "place %u of generation %u of an arena is stale\n", place.index,
               place.generation);
  std::abort();
}

bool Arena::AddChunk() {
  if (given_back_.empty() && chunks_.size() << chunk_shift_ > UINT32_MAX) return false;
  // The pages read as zeros and take no memory until they are written to.
  void* memory = mmap(nullptr, static_cast<size_t>(chunk_bytes()), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return false;
  // With pages of 4 KiB, every access to a random place misses the TLB. But a huge page takes its
  // memory at once, which an arena with few places does not need.
  if (num_chunks_ >= kChunksOfSmallPages) {
    madvise(memory, static_cast<size_t>(chunk_bytes()), MADV_HUGEPAGE);
  }
  if (given_back_.empty()) {
    given_back_.push_back(static_cast<uint32_t>(chunks_.size()));
    chunks_.emplace_back();
  }
  const uint32_t chunk_index = given_back_.back();
  given_back_.pop_back();
  Chunk& chunk = chunks_[chunk_index];
  chunk.memory = static_cast<std::byte*>(memory);
  MarkFree(chunk.memory, chunk_bytes());
  chunk.marks = std::make_unique<uint32_t[]>(places_per_chunk());
  for (uint32_t i = 0; i < places_per_chunk(); ++i) chunk.marks[i] = 2 * (i + 1);
  chunk.first_free = 0;
  chunks_with_room_.insert(chunk_index);
  ++num_chunks_;
  ++num_empty_chunks_;
  return true;
}

void Arena::GiveBack(uint32_t chunk_index) {
  Chunk& chunk = chunks_[chunk_index];
  Unmap(chunk);
  chunk = Chunk();
  chunks_with_room_.erase(chunk_index);
  given_back_.push_back(chunk_index);
  --num_chunks_;
}

void Arena::Unmap(const Chunk& chunk) {
  MarkUsed(chunk.memory, chunk_bytes());
  munmap(chunk.memory, static_cast<size_t>(chunk_bytes()));
}

}  // namespace rnnserve

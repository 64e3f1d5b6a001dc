// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_HDF5_FILE_H_
#define RNNSERVE_CORE_IMPORT_HDF5_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/weight_table.h"

namespace rnnserve {

// A HDF5 file in memory, as Keras writes one: nothing but groups and datasets, hard links that form
// a tree, contiguous datasets without filters. Links to other files, compressed, chunked, virtual
// or external datasets are refused unread.
//
// libhdf5 does the reading. It has faults of its own: with a damaged file it may crash or never
// end, so that a program reads files of strangers in a confined process (confined_process.h).
//
// Errors are INVALID_ARGUMENT, reason MODEL_WEIGHTS, unless a comment says otherwise, and name the
// file and the path in it. Used by one thread at a time: libhdf5 has global state.
class Hdf5File {
 public:
  enum class Kind { kGroup, kDataset };

  // Reads the names of everything in the file, except below the groups in which Keras keeps the
  // state of an optimizer or a random generator. `image` must outlive the result; `name` is for
  // error texts.
  static absl::StatusOr<std::unique_ptr<Hdf5File>> Open(absl::string_view image, std::string name);

  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  // Everything by its path: "layers", "layers/lstm", ...
  const std::map<std::string, Kind>& entries() const { return entries_; }
  bool Contains(const std::string& path, Kind kind) const;

  // The numbers of a dataset as float32; it may hold floats of 16, 32 or 64 bits or bfloat16.
  // Errors: also MODEL_TOO_LARGE; UNIMPLEMENTED, reason DTYPE_UNSUPPORTED, for another type.
  // REQUIRES: entries() has the path.
  absl::StatusOr<Weight> ReadDataset(const std::string& path);

  // An attribute of a group that holds strings, one or a list; nothing if there is none. An empty
  // list of whatever type is one of strings. REQUIRES: entries() has the path, or it is empty: the
  // file itself.
  absl::StatusOr<std::optional<std::vector<std::string>>> ReadStrings(const std::string& path,
                                                                      const std::string& attribute);

  // An INVALID_ARGUMENT about this path.
  absl::Status Malformed(absl::string_view path, absl::string_view text) const;

 private:
  Hdf5File(int64_t file, std::string name) : file_(file), name_(std::move(name)) {}
  absl::Status CollectGroup(const std::string& path, int depth);
  absl::Status CollectEntry(int64_t group, const std::string& path, uint64_t index, int depth);

  // Constant after construction.
  const int64_t file_;  // a hid_t
  const std::string name_;

  std::map<std::string, Kind> entries_;
  std::map<uint64_t, std::string> addresses_;  // where each object lies, and by which path
  int64_t bytes_read_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_HDF5_FILE_H_

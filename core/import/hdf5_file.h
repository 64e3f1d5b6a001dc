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

// An HDF5 file in memory, in the form that Keras writes: only groups and datasets, hard links that
// form a tree, contiguous datasets without filters. Links to other files and datasets that are
// compressed, chunked, virtual or external are refused and not read.
//
// libhdf5 reads the file. With a damaged file it may crash or loop forever, so files that are not
// trusted must be read in a confined process (confined_process.h).
//
// Unless a comment says otherwise, errors are INVALID_ARGUMENT, reason MODEL_WEIGHTS, and name the
// file and the path in it. Used by one thread at a time: libhdf5 has global state.
class Hdf5File {
 public:
  enum class Kind { kGroup, kDataset };

  // Reads the names of all groups and datasets, except those below the groups in which Keras keeps
  // the state of an optimizer or a random generator. `image` must outlive the result; `name` is
  // used in error texts.
  static absl::StatusOr<std::unique_ptr<Hdf5File>> Open(absl::string_view image, std::string name);

  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  // Returns all groups and datasets by path: "layers", "layers/lstm", ...
  const std::map<std::string, Kind>& entries() const { return entries_; }
  bool Contains(const std::string& path, Kind kind) const;

  // Returns the numbers of a dataset as float32. The dataset may hold floats of 16, 32 or 64 bits,
  // bfloat16, or whole numbers. Errors: also MODEL_TOO_LARGE; UNIMPLEMENTED, reason
  // DTYPE_UNSUPPORTED, for another type. REQUIRES: entries() has the path.
  absl::StatusOr<Weight> ReadDataset(const std::string& path);

  // Returns an attribute of a group that holds one string or a list of strings, or nullopt if there
  // is no such attribute. An empty list of any type counts as a list of strings. REQUIRES:
  // entries() has the path, or it is empty, which stands for the file itself.
  absl::StatusOr<std::optional<std::vector<std::string>>> ReadStrings(const std::string& path,
                                                                      const std::string& attribute);

  // Returns an INVALID_ARGUMENT error about this path.
  absl::Status Malformed(absl::string_view path, absl::string_view text) const;

 private:
  Hdf5File(int64_t file, std::string name) : file_(file), name_(std::move(name)) {}
  absl::Status CollectGroup(const std::string& path, int depth);
  absl::Status CollectEntry(int64_t group, const std::string& path, uint64_t index, int depth);

  // Constant after construction.
  const int64_t file_;  // a hid_t
  const std::string name_;

  std::map<std::string, Kind> entries_;
  std::map<uint64_t, std::string> addresses_;  // the path of each object by its address
  int64_t bytes_read_ = 0;
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_HDF5_FILE_H_

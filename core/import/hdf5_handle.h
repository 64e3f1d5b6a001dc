// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_CORE_IMPORT_HDF5_HANDLE_H_
#define RNNSERVE_CORE_IMPORT_HDF5_HANDLE_H_

#include <hdf5.h>

namespace rnnserve {

// Owns an open object of libhdf5 and closes it in the destructor. The id is negative if the object
// could not be opened. Used by one thread at a time: its owner.
class Hdf5Handle {
 public:
  Hdf5Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  Hdf5Handle(const Hdf5Handle&) = delete;
  Hdf5Handle& operator=(const Hdf5Handle&) = delete;

  hid_t id() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  const hid_t id_;
  herr_t (*const close_)(hid_t);
};

}  // namespace rnnserve

#endif  // RNNSERVE_CORE_IMPORT_HDF5_HANDLE_H_

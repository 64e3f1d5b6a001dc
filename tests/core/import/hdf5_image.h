// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#ifndef RNNSERVE_TESTS_CORE_IMPORT_HDF5_IMAGE_H_
#define RNNSERVE_TESTS_CORE_IMPORT_HDF5_IMAGE_H_

#include <hdf5.h>

#include <string>
#include <vector>

namespace rnnserve::testing {

// Makes a file of weights in memory, in the form that Keras writes. Tests can make invalid files
// with the HDF5 identifier of the file. Used by one thread at a time: the test's.
//
//   Hdf5Image image;
//   image.AddVariable("layers/dense/vars/0", {2, 1}, {1, 2});
//   ReadKerasWeights(image.Bytes());
class Hdf5Image {
 public:
  Hdf5Image();
  ~Hdf5Image();
  Hdf5Image(const Hdf5Image&) = delete;
  Hdf5Image& operator=(const Hdf5Image&) = delete;

  // Adds a group and its parents.
  void AddGroup(const std::string& path);
  // Adds a contiguous float32 dataset and its parents.
  void AddVariable(const std::string& path, const std::vector<hsize_t>& shape,
                   const std::vector<float>& values);
  // Adds a dataset with any type and creation properties, and writes no values.
  void AddDataset(const std::string& path, hid_t type, const std::vector<hsize_t>& shape,
                  hid_t properties = H5P_DEFAULT);
  // Sets the string attribute "name" of a group.
  void SetOwner(const std::string& group, const std::string& owner);

  // Sets an attribute of a group to a list of strings.
  void SetStrings(const std::string& group, const std::string& attribute,
                  const std::vector<std::string>& strings);

  hid_t file() const { return file_; }
  // Returns the content of the file.
  std::string Bytes() const;

 private:
  hid_t links_;  // creates missing parents
  hid_t file_;
};

}  // namespace rnnserve::testing

#endif  // RNNSERVE_TESTS_CORE_IMPORT_HDF5_IMAGE_H_

// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "tests/core/import/hdf5_image.h"

#include <cstdlib>
#include <iostream>

namespace rnnserve::testing {
namespace {

// Returns what libhdf5 returned, unless it is an error.
template <typename T>
T Check(T result) {
  if (result < 0) {
    std::cerr << "Hdf5Image: libhdf5 refused\n";
    std::abort();
  }
  return result;
}

}  // namespace

Hdf5Image::Hdf5Image() : links_(Check(H5Pcreate(H5P_LINK_CREATE))) {
  Check(H5Pset_create_intermediate_group(links_, 1));
  const hid_t access = Check(H5Pcreate(H5P_FILE_ACCESS));
  Check(H5Pset_fapl_core(access, 1 << 12, /*backing_store=*/0));
  file_ = Check(H5Fcreate("image", H5F_ACC_TRUNC, H5P_DEFAULT, access));
  H5Pclose(access);
}

Hdf5Image::~Hdf5Image() {
  H5Fclose(file_);
  H5Pclose(links_);
}

void Hdf5Image::AddGroup(const std::string& path) {
  H5Gclose(Check(H5Gcreate2(file_, path.c_str(), links_, H5P_DEFAULT, H5P_DEFAULT)));
}

void Hdf5Image::AddVariable(const std::string& path, const std::vector<hsize_t>& shape,
                            const std::vector<float>& values) {
  AddDataset(path, H5T_IEEE_F32LE, shape);
  const hid_t dataset = Check(H5Dopen2(file_, path.c_str(), H5P_DEFAULT));
  Check(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
  H5Dclose(dataset);
}

void Hdf5Image::AddDataset(const std::string& path, hid_t type, const std::vector<hsize_t>& shape,
                           hid_t properties) {
  const hid_t space =
      Check(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr));
  H5Dclose(Check(H5Dcreate2(file_, path.c_str(), type, space, links_, properties, H5P_DEFAULT)));
  H5Sclose(space);
}

void Hdf5Image::SetOwner(const std::string& group, const std::string& owner) {
  const hid_t object = Check(H5Gopen2(file_, group.c_str(), H5P_DEFAULT));
  const hid_t type = Check(H5Tcopy(H5T_C_S1));
  Check(H5Tset_size(type, H5T_VARIABLE));
  Check(H5Tset_cset(type, H5T_CSET_UTF8));
  const hid_t space = Check(H5Screate(H5S_SCALAR));
  const hid_t attribute = Check(H5Acreate2(object, "name", type, space, H5P_DEFAULT, H5P_DEFAULT));
  const char* const text = owner.c_str();
  Check(H5Awrite(attribute, type, &text));
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Gclose(object);
}

void Hdf5Image::SetStrings(const std::string& group, const std::string& attribute,
                           const std::vector<std::string>& strings) {
  const hid_t object = Check(H5Gopen2(file_, group.c_str(), H5P_DEFAULT));
  const hid_t type = Check(H5Tcopy(H5T_C_S1));
  Check(H5Tset_size(type, H5T_VARIABLE));
  const hsize_t size = strings.size();
  const hid_t space = Check(H5Screate_simple(1, &size, nullptr));
  const hid_t created =
      Check(H5Acreate2(object, attribute.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT));
  std::vector<const char*> texts;
  for (const std::string& text : strings) texts.push_back(text.c_str());
  if (!texts.empty()) Check(H5Awrite(created, type, texts.data()));
  H5Aclose(created);
  H5Sclose(space);
  H5Tclose(type);
  H5Gclose(object);
}

std::string Hdf5Image::Bytes() const {
  Check(H5Fflush(file_, H5F_SCOPE_GLOBAL));
  const ssize_t size = Check(H5Fget_file_image(file_, nullptr, 0));
  std::string bytes(static_cast<size_t>(size), '\0');
  Check(H5Fget_file_image(file_, bytes.data(), bytes.size()));
  return bytes;
}

}  // namespace rnnserve::testing

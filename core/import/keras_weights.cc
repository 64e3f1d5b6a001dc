// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/keras_weights.h"

#include <hdf5.h>

#include <array>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

// Keras writes a group for every layer, cell and list of cells, at most some ten levels deep.
// Beyond these numbers a file is there to waste time.
constexpr int kDepthMax = 32;
constexpr size_t kObjectsMax = 1 << 16;
constexpr hsize_t kLinksMax = 4096;  // in one group; each costs a search through its group
constexpr int kRankMax = 8;
constexpr size_t kNameBytesMax = 1024;

// The group of an object's own variables, and those that are not part of the model.
constexpr absl::string_view kVariables = "vars";
constexpr std::array<absl::string_view, 2> kTrainingGroups = {"optimizer", "seed_generator"};

// An open object of libhdf5, closed at the end. Negative if it could not be opened.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  hid_t id() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  const hid_t id_;
  herr_t (*const close_)(hid_t);
};

absl::Status Malformed(absl::string_view path, absl::string_view text) {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat("model.weights.h5: '", path, "' ", text));
}

std::string Join(absl::string_view path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, "/", name);
}

// The functions by which libhdf5 manages the memory of a file image. It asks for a copy at every
// turn; these hand out the one image that is there, which is opened for reading only.
void* ImageMalloc(size_t, H5FD_file_image_op_t, void* image) { return image; }
void* ImageMemcpy(void* to, const void*, size_t, H5FD_file_image_op_t, void*) { return to; }
herr_t ImageFree(void*, H5FD_file_image_op_t, void*) { return 0; }
void* ImageOf(void* image) { return image; }
herr_t KeepImage(void*) { return 0; }

// Opens a file that lies in memory; negative if it is none.
hid_t OpenImage(absl::string_view image) {
  // The interface asks for a plain pointer because it serves writing too.
  char* const bytes = const_cast<char*>(image.data());
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5FD_file_image_callbacks_t callbacks = {ImageMalloc, ImageMemcpy, nullptr, ImageFree,
                                           ImageOf,     KeepImage,   bytes};
  constexpr size_t kGrowthBytes = 1 << 16;  // never needed
  if (H5Pset_fapl_core(access.id(), kGrowthBytes, /*backing_store=*/0) < 0 ||
      H5Pset_file_image_callbacks(access.id(), &callbacks) < 0 ||
      H5Pset_file_image(access.id(), bytes, image.size()) < 0) {
    return H5I_INVALID_HID;
  }
  return H5Fopen("model.weights.h5", H5F_ACC_RDONLY, access.id());
}

// One pass over one file.
class WeightsReader {
 public:
  absl::StatusOr<KerasWeights> Read(hid_t file) {
    const Handle root(H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose);
    RNNSERVE_RETURN_IF_ERROR(ReadGroup(root.id(), "", 0));
    return std::move(weights_);
  }

 private:
  absl::Status ReadGroup(hid_t group, const std::string& path, int depth);
  absl::Status ReadVariables(hid_t group, const std::string& path);
  absl::StatusOr<Weight> ReadDataset(hid_t group, const std::string& name, const std::string& path);
  absl::StatusOr<Shape> ReadShape(hid_t dataset, const std::string& path);
  // The names of the links in a group, all of them hard.
  absl::StatusOr<std::vector<std::string>> ReadLinks(hid_t group, const std::string& path);
  // Whether the object is of that type and reached for the first time.
  absl::Status CheckObject(hid_t group, const std::string& name, H5O_type_t type,
                           const std::string& path);

  KerasWeights weights_;
  std::set<haddr_t> seen_;
  int64_t bytes_ = 0;
};

absl::StatusOr<std::vector<std::string>> WeightsReader::ReadLinks(hid_t group,
                                                                  const std::string& path) {
  H5G_info_t info;
  if (group < 0 || H5Gget_info(group, &info) < 0) return Malformed(path, "cannot be read");
  if (info.nlinks > kLinksMax) {
    return Malformed(path, absl::StrCat("has ", info.nlinks, " entries; at most ", kLinksMax));
  }
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    std::array<char, kNameBytesMax> name = {};
    H5L_info_t link;
    const ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i,
                                              name.data(), name.size(), H5P_DEFAULT);
    if (length <= 0 || static_cast<size_t>(length) >= name.size() ||
        H5Lget_info_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, &link, H5P_DEFAULT) < 0) {
      return Malformed(path, absl::StrCat("has an entry ", i, " that cannot be read"));
    }
    if (link.type != H5L_TYPE_HARD) {
      return Malformed(Join(path, name.data()),
                       "is a link to somewhere else, which is not followed");
    }
    names.emplace_back(name.data());
  }
  return names;
}

absl::Status WeightsReader::CheckObject(hid_t group, const std::string& name, H5O_type_t type,
                                        const std::string& path) {
  H5O_info_t info;
  if (H5Oget_info_by_name2(group, name.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) {
    return Malformed(path, "cannot be read");
  }
  if (info.type != type) {
    return Malformed(path, type == H5O_TYPE_GROUP ? "is not a group" : "is not a dataset");
  }
  if (!seen_.insert(info.addr).second) return Malformed(path, "is reached by two paths");
  if (seen_.size() > kObjectsMax) {
    return Malformed(path,
                     absl::StrCat("comes after ", kObjectsMax, " objects, the most there may be"));
  }
  return absl::OkStatus();
}

absl::Status WeightsReader::ReadGroup(hid_t group, const std::string& path, int depth) {
  if (depth > kDepthMax) return Malformed(path, absl::StrCat("is more than ", kDepthMax, " deep"));
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ReadLinks(group, path));
  for (const std::string& name : names) {
    if (name == kTrainingGroups[0] || name == kTrainingGroups[1]) continue;
    const std::string child_path = Join(path, name);
    RNNSERVE_RETURN_IF_ERROR(CheckObject(group, name, H5O_TYPE_GROUP, child_path));
    const Handle child(H5Gopen2(group, name.c_str(), H5P_DEFAULT), H5Gclose);
    RNNSERVE_RETURN_IF_ERROR(name == kVariables ? ReadVariables(child.id(), child_path)
                                                : ReadGroup(child.id(), child_path, depth + 1));
  }
  return absl::OkStatus();
}

// The string attribute "name" of a group; empty if there is none.
absl::StatusOr<std::string> ReadOwner(hid_t group, const std::string& path) {
  if (H5Aexists(group, "name") <= 0) return std::string();
  const Handle attribute(H5Aopen(group, "name", H5P_DEFAULT), H5Aclose);
  const Handle stored(H5Aget_type(attribute.id()), H5Tclose);
  const Handle space(H5Aget_space(attribute.id()), H5Sclose);
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  char* text = nullptr;
  if (!attribute.ok() || !stored.ok() || H5Tis_variable_str(stored.id()) <= 0 ||
      H5Sget_simple_extent_npoints(space.id()) != 1 || H5Tset_size(type.id(), H5T_VARIABLE) < 0 ||
      H5Tset_cset(type.id(), H5Tget_cset(stored.id())) < 0 ||
      H5Aread(attribute.id(), type.id(), &text) < 0 || text == nullptr) {
    return Malformed(path, "has an attribute 'name' that is not one string");
  }
  std::string owner(text, strnlen(text, kNameBytesMax));
  H5free_memory(text);
  return owner;
}

absl::Status WeightsReader::ReadVariables(hid_t group, const std::string& path) {
  RNNSERVE_ASSIGN_OR_RETURN(const std::vector<std::string> names, ReadLinks(group, path));
  KerasVariables variables;
  RNNSERVE_ASSIGN_OR_RETURN(variables.owner, ReadOwner(group, path));
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string name = absl::StrCat(i);
    if (H5Lexists(group, name.c_str(), H5P_DEFAULT) <= 0) {
      return Malformed(path,
                       absl::StrCat("has ", names.size(), " variables, but none is '", i, "'"));
    }
    RNNSERVE_ASSIGN_OR_RETURN(Weight weight, ReadDataset(group, name, Join(path, name)));
    variables.values.push_back(std::move(weight));
  }
  weights_.emplace(path, std::move(variables));
  return absl::OkStatus();
}

// Whether the numbers lie in the file as they are: what the shape says and nothing else is read.
absl::Status CheckLayout(hid_t dataset, const std::string& path) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose);
  if (!properties.ok()) return Malformed(path, "cannot be read");
  const H5D_layout_t layout = H5Pget_layout(properties.id());
  if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
    return Malformed(path, "is chunked or virtual; only contiguous datasets are read");
  }
  if (H5Pget_external_count(properties.id()) != 0) return Malformed(path, "lies in another file");
  if (H5Pget_nfilters(properties.id()) != 0) return Malformed(path, "is filtered or compressed");
  return absl::OkStatus();
}

absl::StatusOr<Shape> WeightsReader::ReadShape(hid_t dataset, const std::string& path) {
  const Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.id()) : -1;
  if (rank < 0 || rank > kRankMax || H5Sget_simple_extent_type(space.id()) == H5S_NULL) {
    return Malformed(path, "has no shape that a weight can have");
  }
  std::array<hsize_t, kRankMax> dims = {};
  H5Sget_simple_extent_dims(space.id(), dims.data(), nullptr);
  std::vector<int64_t> extents;
  for (int i = 0; i < rank; ++i)
    extents.push_back(static_cast<int64_t>(dims[static_cast<size_t>(i)]));
  return Shape(extents);
}

absl::StatusOr<Weight> WeightsReader::ReadDataset(hid_t group, const std::string& name,
                                                  const std::string& path) {
  RNNSERVE_RETURN_IF_ERROR(CheckObject(group, name, H5O_TYPE_DATASET, path));
  const Handle dataset(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) return Malformed(path, "cannot be read");
  RNNSERVE_RETURN_IF_ERROR(CheckLayout(dataset.id(), path));
  const Handle type(H5Dget_type(dataset.id()), H5Tclose);
  if (!type.ok() || H5Tequal(type.id(), H5T_IEEE_F32LE) <= 0) {
    return MakeError(
        absl::StatusCode::kUnimplemented, "DTYPE_UNSUPPORTED",
        absl::StrCat("model.weights.h5: '", path, "' is not float32; only float32 is supported"));
  }
  RNNSERVE_ASSIGN_OR_RETURN(const Shape shape, ReadShape(dataset.id(), path));
  const auto size = shape.NumElements();
  const auto bytes = size.has_value() ? CheckedMultiply(*size, sizeof(float)) : std::nullopt;
  if (!bytes.has_value() || *bytes > kWeightBytesMax - bytes_) {
    return InvalidArgument(
        "MODEL_TOO_LARGE",
        absl::StrCat("model.weights.h5: '", path, "' of shape ", shape.ToString(), " comes after ",
                     bytes_, " bytes of weights; at most ", kWeightBytesMax));
  }
  const auto stored = static_cast<int64_t>(H5Dget_storage_size(dataset.id()));
  if (stored != *bytes) {
    return Malformed(path, absl::StrCat("takes ", *bytes, " bytes, but stores ", stored));
  }
  bytes_ += *bytes;
  Weight weight{shape, AlignedBuffer(*size)};
  if (*size != 0 && H5Dread(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                            weight.values.data()) < 0) {
    return Malformed(path, "cannot be read");
  }
  return weight;
}

}  // namespace

absl::StatusOr<KerasWeights> ReadKerasWeights(absl::string_view hdf5) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are returned, not printed
  H5PLset_loading_state(0);                     // no code out of plug-ins
  const Handle file(OpenImage(hdf5), H5Fclose);
  if (!file.ok()) return InvalidArgument("MODEL_WEIGHTS", "model.weights.h5: not a HDF5 file");
  return WeightsReader().Read(file.id());
}

}  // namespace rnnserve

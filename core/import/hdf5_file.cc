// Copyright The rnnserve Authors.
// SPDX-License-Identifier: Apache-2.0

#include "core/import/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/error.h"
#include "core/base/status_macros.h"
#include "core/import/hdf5_dataset.h"
#include "core/import/hdf5_handle.h"
#include "core/model/limits.h"

namespace rnnserve {
namespace {

// Keras writes a group for each layer, cell and list of cells, at most about ten levels deep, or
// twenty with nested models. A file beyond these limits is damaged or hostile.
constexpr int kDepthMax = 32;
constexpr size_t kEntriesMax = 1 << 16;
constexpr hsize_t kLinksMax = 4096;  // in one group; each costs a search of the group
constexpr size_t kNameBytesMax = 1024;
constexpr hssize_t kStringsMax = 1 << 16;  // of one attribute
// The longest string is the configuration of a model.
constexpr size_t kStringBytesMax = static_cast<size_t>(kModelJsonBytesMax) + 1;

constexpr std::array<absl::string_view, 3> kTrainingGroups = {"optimizer", "optimizer_weights",
                                                              "seed_generator"};

std::string Join(absl::string_view path, absl::string_view name) {
  return path.empty() ? std::string(name) : absl::StrCat(path, "/", name);
}

// The functions with which libhdf5 manages the memory of a file image. It asks for copies. These
// functions hand out the original image instead, which is safe because the file is opened for
// reading only.
void* ImageMalloc(size_t, H5FD_file_image_op_t, void* image) { return image; }
void* ImageMemcpy(void* to, const void*, size_t, H5FD_file_image_op_t, void*) { return to; }
herr_t ImageFree(void*, H5FD_file_image_op_t, void*) { return 0; }
void* ImageOf(void* image) { return image; }
herr_t KeepImage(void*) { return 0; }

// Opens a file in memory. Returns a negative id if it is not an HDF5 file.
hid_t OpenImage(absl::string_view image) {
  // The interface takes a non-const pointer because it can also be used for writing.
  char* const bytes = const_cast<char*>(image.data());
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5FD_file_image_callbacks_t callbacks = {ImageMalloc, ImageMemcpy, nullptr, ImageFree,
                                           ImageOf,     KeepImage,   bytes};
  constexpr size_t kGrowthBytes = 1 << 16;  // never needed
  if (H5Pset_fapl_core(access.id(), kGrowthBytes, /*backing_store=*/0) < 0 ||
      H5Pset_file_image_callbacks(access.id(), &callbacks) < 0 ||
      H5Pset_file_image(access.id(), bytes, image.size()) < 0) {
    return H5I_INVALID_HID;
  }
  // libhdf5 treats open files with the same name as one file, so give each its own name.
  const std::string name = absl::StrCat("memory at ", reinterpret_cast<uintptr_t>(bytes));
  return H5Fopen(name.c_str(), H5F_ACC_RDONLY, access.id());
}

std::string ObjectName(const std::string& path) { return path.empty() ? "/" : path; }

// Returns the elements of an attribute whose strings all have the same length.
bool ReadFixed(hid_t attribute, hid_t stored, std::vector<std::string>& strings) {
  const size_t length = H5Tget_size(stored);
  if (length == 0 || length > kStringBytesMax) return false;
  if (length * strings.size() > kStringBytesMax) return false;
  std::string text(length * strings.size(), '\0');
  if (H5Aread(attribute, stored, text.data()) < 0) return false;
  for (size_t i = 0; i < strings.size(); ++i) {
    const char* const begin = text.data() + i * length;
    strings[i].assign(begin, strnlen(begin, length));
  }
  return true;
}

// Returns the elements of an attribute whose strings are in a heap of the file.
bool ReadVariable(hid_t attribute, hid_t stored, std::vector<std::string>& strings) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (H5Tset_size(type.id(), H5T_VARIABLE) < 0 || H5Tset_cset(type.id(), H5Tget_cset(stored)) < 0) {
    return false;
  }
  std::vector<char*> texts(strings.size(), nullptr);
  bool is_read = H5Aread(attribute, type.id(), texts.data()) >= 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    // Even after an error, some of them may have been read.
    if (texts[i] == nullptr) continue;
    if (is_read) strings[i].assign(texts[i], strnlen(texts[i], kStringBytesMax));
    H5free_memory(texts[i]);
  }
  return is_read;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Hdf5File>> Hdf5File::Open(absl::string_view image,
                                                         std::string name) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // errors are returned, not printed
  H5PLset_loading_state(0);                     // load no code from plug-ins
  const hid_t id = OpenImage(image);
  if (id < 0) return InvalidArgument("MODEL_WEIGHTS", absl::StrCat(name, ": not a HDF5 file"));
  std::unique_ptr<Hdf5File> file(new Hdf5File(id, std::move(name)));
  RNNSERVE_RETURN_IF_ERROR(file->CollectGroup("", 0));
  return file;
}

Hdf5File::~Hdf5File() { H5Fclose(file_); }

absl::Status Hdf5File::Malformed(absl::string_view path, absl::string_view text) const {
  return InvalidArgument("MODEL_WEIGHTS", absl::StrCat(name_, ": '", path, "' ", text));
}

bool Hdf5File::Contains(const std::string& path, Kind kind) const {
  const auto found = entries_.find(path);
  return found != entries_.end() && found->second == kind;
}

absl::Status Hdf5File::CollectGroup(const std::string& path, int depth) {
  if (depth > kDepthMax) return Malformed(path, absl::StrCat("is more than ", kDepthMax, " deep"));
  const Hdf5Handle group(H5Gopen2(file_, ObjectName(path).c_str(), H5P_DEFAULT), H5Gclose);
  H5G_info_t info;
  if (!group.ok() || H5Gget_info(group.id(), &info) < 0) return Malformed(path, "cannot be read");
  if (info.nlinks > kLinksMax) {
    return Malformed(path, absl::StrCat("has ", info.nlinks, " entries; at most ", kLinksMax));
  }
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    RNNSERVE_RETURN_IF_ERROR(CollectEntry(group.id(), path, i, depth));
  }
  return absl::OkStatus();
}

absl::Status Hdf5File::CollectEntry(int64_t group, const std::string& path, uint64_t index,
                                    int depth) {
  std::array<char, kNameBytesMax> name = {};
  H5L_info_t link;
  const ssize_t length = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index,
                                            name.data(), name.size(), H5P_DEFAULT);
  if (length <= 0 || static_cast<size_t>(length) >= name.size() ||
      H5Lget_info_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, &link, H5P_DEFAULT) < 0) {
    return Malformed(path, absl::StrCat("has an entry ", index, " that cannot be read"));
  }
  const std::string child = Join(path, name.data());
  if (link.type != H5L_TYPE_HARD) {
    return Malformed(child, "is a link to somewhere else, which is not followed");
  }
  if (std::find(kTrainingGroups.begin(), kTrainingGroups.end(), name.data()) !=
      kTrainingGroups.end()) {
    return absl::OkStatus();
  }
  H5O_info_t info;
  if (H5Oget_info_by_name2(group, name.data(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0 ||
      (info.type != H5O_TYPE_GROUP && info.type != H5O_TYPE_DATASET)) {
    return Malformed(child, "cannot be read");
  }
  const auto [other, is_new] = addresses_.try_emplace(info.addr, child);
  if (!is_new) {
    return Malformed(child, absl::StrCat("is reached by two paths, also as '", other->second, "'"));
  }
  if (entries_.size() >= kEntriesMax) {
    return Malformed(child,
                     absl::StrCat("comes after ", kEntriesMax, " objects, the most there may be"));
  }
  const bool is_group = info.type == H5O_TYPE_GROUP;
  entries_.emplace(child, is_group ? Kind::kGroup : Kind::kDataset);
  return is_group ? CollectGroup(child, depth + 1) : absl::OkStatus();
}

absl::StatusOr<Weight> Hdf5File::ReadDataset(const std::string& path) {
  const Hdf5Handle dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) return Malformed(path, "cannot be read");
  RNNSERVE_ASSIGN_OR_RETURN(
      Weight weight, ReadHdf5Dataset(dataset.id(), absl::StrCat(name_, ": '", path, "'"),
                                     kWeightBytesMax - bytes_read_, [&](absl::string_view text) {
                                       return Malformed(path, text);
                                     }));
  bytes_read_ += static_cast<int64_t>(weight.values.size() * sizeof(float));
  return weight;
}

absl::StatusOr<std::optional<std::vector<std::string>>> Hdf5File::ReadStrings(
    const std::string& path, const std::string& attribute) {
  const Hdf5Handle object(H5Oopen(file_, ObjectName(path).c_str(), H5P_DEFAULT), H5Oclose);
  if (!object.ok()) return Malformed(path, "cannot be read");
  const htri_t exists = H5Aexists(object.id(), attribute.c_str());
  if (exists == 0) return std::nullopt;
  const Hdf5Handle opened(H5Aopen(object.id(), attribute.c_str(), H5P_DEFAULT), H5Aclose);
  const Hdf5Handle stored(H5Aget_type(opened.id()), H5Tclose);
  const Hdf5Handle space(H5Aget_space(opened.id()), H5Sclose);
  const hssize_t size = space.ok() ? H5Sget_simple_extent_npoints(space.id()) : -1;
  const auto malformed = [&] {
    return Malformed(path,
                     absl::StrCat("has an attribute '", attribute, "' that holds no strings"));
  };
  if (exists < 0 || !opened.ok() || !stored.ok() || size < 0 || size > kStringsMax) {
    return malformed();
  }
  std::vector<std::string> strings(static_cast<size_t>(size));
  if (size == 0) return strings;
  if (H5Tget_class(stored.id()) != H5T_STRING) return malformed();
  const bool is_read = H5Tis_variable_str(stored.id()) > 0
                           ? ReadVariable(opened.id(), stored.id(), strings)
                           : ReadFixed(opened.id(), stored.id(), strings);
  if (!is_read) return malformed();
  return strings;
}

}  // namespace rnnserve

#include "hypervisor-shim/embed/causeway_shim.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "engine/base/limits.h"
#include "hypervisor-shim/embed/shim_service.h"

struct cw_shim {
  std::unique_ptr<causeway::shim::ShimService> service;
};

namespace {

using causeway::Error;
using causeway::ErrorCode;
using causeway::RegionInfo;
using causeway::RegionKind;
using causeway::UniqueFd;
using causeway::shim::ShimService;
using causeway::shim::Vmm;

static_assert(causeway::kBlockBytes == CW_BLOCK_BYTES);

// All members that this library knows, whatever the caller was built with.
// False when the caller's struct lacks members of ABI version 1.
template <typename T>
bool take_struct(const T* from, T* to) {
  if (from == nullptr || from->struct_bytes < sizeof(T)) return false;
  std::memcpy(to, from, sizeof(T));
  return true;
}

bool complete(const cw_vmm_ops& ops) {
  return ops.pause && ops.resume && ops.save_state && ops.load_state &&
         ops.features && ops.check_features && ops.dirty_start &&
         ops.dirty_collect && ops.dirty_rearm && ops.dirty_stop;
}

bool name_fits(const char* name) {
  return name != nullptr && *name != '\0' &&
         std::strlen(name) <= causeway::kNameBytesMax;
}

int errno_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return EINVAL;
    case ErrorCode::kNotFound:
      return ENOENT;
    case ErrorCode::kAlreadyExists:
      return EADDRINUSE;
    case ErrorCode::kNoSpace:
      return ENOMEM;
    case ErrorCode::kPermission:
      return EACCES;
    default:
      return EIO;
  }
}

bool valid(const cw_region& region) {
  const bool page_fits =
      region.page_bytes == CW_BLOCK_BYTES || region.page_bytes == 2u << 20;
  return (region.kind == CW_REGION_RAM || region.kind == CW_REGION_DISK) &&
         page_fits && region.bytes != 0 &&
         region.bytes % region.page_bytes == 0 &&
         region.bytes <= causeway::kRegionBytesMax && region.name[0] != '\0' &&
         std::memchr(region.name, '\0', sizeof(region.name)) != nullptr;
}

// 0, or a negative errno.
int add_region(const cw_region& region, ShimService::Config& config) {
  if (!valid(region)) return -EINVAL;
  UniqueFd fd(::fcntl(region.fd, F_DUPFD_CLOEXEC, 0));
  if (!fd) return -errno;
  // A mover that shrank the RAM would kill the VMM at its next access. A memfd
  // made without MFD_ALLOW_SEALING cannot be protected from that.
  if (region.kind == CW_REGION_RAM)
    (void)::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  RegionInfo info;
  info.id = static_cast<causeway::RegionId>(config.spec.regions.size());
  info.kind = static_cast<RegionKind>(region.kind);
  info.name = region.name;
  info.bytes = region.bytes;
  info.page_bytes = region.page_bytes;
  config.spec.regions.push_back(std::move(info));
  config.region_fds.push_back(std::move(fd));
  return 0;
}

int take_config(const cw_shim_config& from, ShimService::Config& to) {
  if (from.socket_path == nullptr || !name_fits(from.guest_name) ||
      !name_fits(from.tracker) || !name_fits(from.hypervisor) ||
      from.vcpus == 0 || from.region_count == 0 || from.regions == nullptr ||
      from.region_count > causeway::kRegionsMax) {
    return -EINVAL;
  }
  to.socket_path = from.socket_path;
  to.spec.name = from.guest_name;
  to.spec.tracker = from.tracker;
  to.spec.hypervisor = from.hypervisor;
  to.spec.vcpus = from.vcpus;
  // The caller's structs may be longer than ours.
  const auto* at = reinterpret_cast<const unsigned char*>(from.regions);
  for (uint32_t i = 0; i < from.region_count; ++i) {
    cw_region region;
    const auto* next = reinterpret_cast<const cw_region*>(at);
    if (!take_struct(next, &region)) return -EINVAL;
    if (const int failure = add_region(region, to); failure != 0)
      return failure;
    at += next->struct_bytes;
  }
  return 0;
}

int create(const cw_shim_config* config, const cw_vmm_ops* ops, void* vmm,
           cw_shim** out) {
  cw_shim_config known_config;
  cw_vmm_ops known_ops;
  if (!take_struct(config, &known_config) || !take_struct(ops, &known_ops) ||
      !complete(known_ops)) {
    return -EINVAL;
  }
  ShimService::Config service_config;
  if (const int failure = take_config(known_config, service_config);
      failure != 0) {
    return failure;
  }
  auto shim = std::make_unique<cw_shim>();
  auto service =
      ShimService::start(std::move(service_config), Vmm(known_ops, vmm));
  if (!service) return -errno_of(service.error());
  shim->service = std::move(service).value();
  *out = shim.release();
  return 0;
}

}  // namespace

extern "C" {

int cw_sink_append(cw_sink* sink, const void* data, size_t bytes) {
  if (bytes > sink->bytes_max - sink->bytes.size()) return -ENOBUFS;
  const auto* begin = static_cast<const std::byte*>(data);
  try {
    sink->bytes.insert(sink->bytes.end(), begin, begin + bytes);
  } catch (const std::bad_alloc&) {
    return -ENOBUFS;
  }
  return 0;
}

int cw_shim_create(const cw_shim_config* config, const cw_vmm_ops* ops,
                   void* vmm, cw_shim** out) {
  if (out == nullptr) return -EINVAL;
  *out = nullptr;
  try {
    return create(config, ops, vmm, out);
  } catch (const std::bad_alloc&) {
    return -ENOMEM;
  } catch (const std::system_error&) {
    return -EAGAIN;  // no thread can be made
  } catch (const std::exception&) {
    return -EIO;
  }
}

void cw_shim_mark_dirty(cw_shim* shim, uint32_t region, uint64_t offset,
                        uint64_t bytes) {
  CAUSEWAY_ASSERT(region < causeway::kRegionsMax);
  shim->service->mark_dirty(static_cast<causeway::RegionId>(region), offset,
                            bytes);
}

void cw_shim_guest_died(cw_shim* shim, const char* why) {
  shim->service->guest_died(why == nullptr ? "" : why);
}

void cw_shim_destroy(cw_shim* shim) { delete shim; }

}  // extern "C"

#include "rdma/devices/device_list.h"

#include <fmt/core.h>
#include <infiniband/verbs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

namespace causeway {
namespace {

constexpr const char* kDeviceFolder = "/dev/infiniband";

struct FreeList {
  void operator()(ibv_device** list) const { ibv_free_device_list(list); }
};
struct CloseDevice {
  void operator()(ibv_context* device) const { ibv_close_device(device); }
};
using ListHandle = std::unique_ptr<ibv_device*, FreeList>;
using DeviceHandle = std::unique_ptr<ibv_context, CloseDevice>;

uint32_t count_of(int value) {
  return static_cast<uint32_t>(std::max(value, 0));
}

VerbsCapacity capacity_of(const ibv_device_attr_ex& attributes) {
  const ibv_device_attr& plain = attributes.orig_attr;
  VerbsCapacity capacity;
  capacity.queue_pairs = count_of(plain.max_qp);
  capacity.queue_pair_requests = count_of(plain.max_qp_wr);
  capacity.request_pieces = count_of(plain.max_sge);
  capacity.completions = count_of(plain.max_cqe);
  capacity.registrations = count_of(plain.max_mr);
  capacity.registration_bytes = plain.max_mr_size;
  capacity.reads_under_way = count_of(plain.max_qp_rd_atom);
  capacity.on_demand_paging =
      (attributes.odp_caps.general_caps & IBV_ODP_SUPPORT) != 0;
  return capacity;
}

// IBV_MTU_256 is 1, and each next one is twice as much.
uint32_t mtu_bytes(ibv_mtu mtu) {
  return mtu < IBV_MTU_256 || mtu > IBV_MTU_4096 ? 0 : 128u << mtu;
}

// The kernel has the device, this process does not get at it.
std::string why_not_offered(int errno_value) {
  std::error_code error;
  if (!std::filesystem::exists(kDeviceFolder, error)) {
    return fmt::format(
        "there is no {}: load the kernel's module ib_uverbs (modprobe "
        "ib_uverbs), or give this container the folder",
        kDeviceFolder);
  }
  if (errno_value != 0) {
    return fmt::format("libibverbs lists no devices: {}",
                       std::strerror(errno_value));
  }
  return "libibverbs does not offer it: install its user-space driver (Debian: "
         "ibverbs-providers)";
}

std::string why_not_opened(int errno_value) {
  if (errno_value == EACCES || errno_value == EPERM) {
    return fmt::format(
        "no right to open it: be root, or give this user {}/uverbs*",
        kDeviceFolder);
  }
  return fmt::format(
      "it cannot be opened: {}; is {} there (modprobe "
      "ib_uverbs)?",
      std::strerror(errno_value), kDeviceFolder);
}

void ask(ibv_device* handle, VerbsDevice& device) {
  errno = 0;
  const DeviceHandle open(ibv_open_device(handle));
  if (!open) {
    device.trouble = why_not_opened(errno);
    return;
  }
  ibv_device_attr_ex attributes{};
  if (const int error = ibv_query_device_ex(open.get(), nullptr, &attributes);
      error != 0) {
    device.trouble =
        fmt::format("it does not say what it can: {}", std::strerror(error));
    return;
  }
  device.capacity = capacity_of(attributes);
  for (VerbsPort& port : device.ports) {
    ibv_port_attr state{};
    const auto number = static_cast<uint8_t>(port.number);
    if (ibv_query_port(open.get(), number, &state) == 0) {
      port.mtu_bytes = mtu_bytes(state.active_mtu);
    }
  }
}

}  // namespace

std::vector<VerbsDevice> list_verbs_devices(
    std::span<const NetworkInterface> interfaces) {
  std::vector<VerbsDevice> devices = read_verbs_devices("/sys", interfaces);
  if (devices.empty()) return devices;  // the library need not be asked
  int count = 0;
  errno = 0;
  const ListHandle list(ibv_get_device_list(&count));
  const int list_error = list ? 0 : errno;
  for (VerbsDevice& device : devices) {
    ibv_device* found = nullptr;
    for (int i = 0; list && i < count; ++i) {
      ibv_device* const offered = list.get()[i];
      if (device.name == ibv_get_device_name(offered)) found = offered;
    }
    if (found != nullptr) {
      ask(found, device);
    } else {
      device.trouble = why_not_offered(list_error);
    }
  }
  return devices;
}

}  // namespace causeway

#include "rdma/devices/device_list.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <infiniband/verbs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace causeway {
namespace {

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

// Why the library cannot open the device; empty: it may try. Asked before it
// does, since what it cannot open it looks for elsewhere and waits for, and its
// errno is then of something else.
std::string why_not_reachable(const VerbsDevice& device) {
  if (device.uverbs.empty()) {
    return "the kernel's module ib_uverbs is not loaded: modprobe ib_uverbs";
  }
  const std::string file = "/dev/infiniband/" + device.uverbs;
  if (::faccessat(AT_FDCWD, file.c_str(), R_OK | W_OK, AT_EACCESS) == 0) {
    return {};
  }
  if (errno == ENOENT) {
    return fmt::format(
        "there is no {}: start udev, or give this container the file", file);
  }
  return fmt::format("no right to open it: be root, or give this user {}",
                     file);
}

void ask(ibv_device* handle, VerbsDevice& device) {
  errno = 0;
  const DeviceHandle open(ibv_open_device(handle));
  if (!open) {
    device.trouble =
        fmt::format("it cannot be opened: {}", std::strerror(errno));
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
      port.mtu_bytes_max = mtu_bytes(state.max_mtu);
    }
  }
}

// Of a list that ends with null; null: there is none of that name.
ibv_device* offered(ibv_device** list, const std::string& name) {
  while (*list != nullptr && name != ibv_get_device_name(*list)) ++list;
  return *list;
}

}  // namespace

std::vector<VerbsDevice> list_verbs_devices(
    std::span<const NetworkInterface> interfaces) {
  std::vector<VerbsDevice> devices = read_verbs_devices("/sys", interfaces);
  if (devices.empty()) return devices;  // the library need not be asked
  errno = 0;
  const ListHandle list(ibv_get_device_list(nullptr));
  const int list_error = errno;
  for (VerbsDevice& device : devices) {
    device.trouble = why_not_reachable(device);
    if (!device.trouble.empty()) continue;
    ibv_device* const found = list ? offered(list.get(), device.name) : nullptr;
    if (found != nullptr) {
      ask(found, device);
    } else if (!list) {
      device.trouble = fmt::format("libibverbs lists no devices: {}",
                                   std::strerror(list_error));
    } else {
      device.trouble =
          "libibverbs does not offer it: install its user-space driver "
          "(Debian: ibverbs-providers)";
    }
  }
  return devices;
}

}  // namespace causeway

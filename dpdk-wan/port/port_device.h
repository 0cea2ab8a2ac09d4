// PortDevice: one ethdev with its buffers, running: one queue each way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dpdk-wan/port/device_name.h"
#include "dpdk-wan/port/ip_address.h"
#include "engine/base/result.h"

struct rte_device;
struct rte_mempool;

namespace causeway {

class PortDevice {
 public:
  // In the network namespace of the calling thread, where the device is one of
  // the kernel's. One caller at a time in the process. kNotFound, kPermission,
  // kNoSpace, kInvalidArgument: the message says what to do.
  static Result<std::unique_ptr<PortDevice>> open(const DeviceName& name,
                                                  uint32_t mtu_bytes);
  ~PortDevice();

  PortDevice(const PortDevice&) = delete;
  PortDevice& operator=(const PortDevice&) = delete;

  uint16_t id() const { return id_; }
  // On the device's NUMA node. Each holds a frame of the MTU in one piece.
  rte_mempool* buffers() const { return buffers_; }
  const MacAddress& mac() const { return mac_; }
  // It fills in checksums of IPv4 and UDP; it says which that came are right.
  bool sums_sent() const { return sums_sent_; }

 private:
  PortDevice() = default;
  Status attach(const DeviceName& name);
  Status configure(const DeviceName& name, uint32_t mtu_bytes);
  Status make_buffers(const DeviceName& name, uint32_t mtu_bytes);
  Status make_queues(const DeviceName& name);
  Status start(const DeviceName& name);

  uint16_t id_ = 0;
  bool attached_ = false;
  rte_device* device_ = nullptr;
  rte_mempool* buffers_ = nullptr;
  uint64_t tx_offloads_ = 0;
  MacAddress mac_;
  bool sums_sent_ = false;
};

}  // namespace causeway

// VerbsDevice: a device that speaks verbs, and its ports, as sysfs tells of
// them: plain values, read once; any thread. Needs no right and no library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/runtime/network_interface.h"
#include "rdma/devices/gid_table.h"

namespace causeway {

struct VerbsPort {
  unsigned number = 0;     // from 1 on
  std::string state;       // "ACTIVE", "DOWN", "INIT", "ARMED"
  std::string link_layer;  // "InfiniBand"; "Ethernet": RoCE or iWARP
  std::string rate;        // as the kernel writes it: "100 Gb/sec (4X EDR)"
  uint64_t rate_bits_s = 0;
  uint32_t mtu_bytes = 0;  // of the fabric, active; 0: see VerbsDevice::trouble
  uint32_t mtu_bytes_max = 0;  // that the port can
  uint32_t lid = 0;            // InfiniBand's; 0 on Ethernet
  std::vector<Gid> gids;
  std::vector<std::string> interfaces;  // network interfaces of this port
  // Of those, at which rdma_cm finds this port: not the link-local ones, which
  // need a scope.
  std::vector<std::string> addresses;
};

// What the device allows (ibv_query_device_ex).
struct VerbsCapacity {
  uint32_t queue_pairs = 0;          // max_qp
  uint32_t queue_pair_requests = 0;  // max_qp_wr
  uint32_t request_pieces = 0;       // max_sge
  uint32_t completions = 0;          // max_cqe, of a queue
  uint32_t registrations = 0;        // max_mr
  uint64_t registration_bytes = 0;   // max_mr_size
  uint32_t reads_under_way = 0;      // max_qp_rd_atom, of a queue pair
  bool on_demand_paging = false;     // a registration need not pin
};

struct VerbsDevice {
  std::string name;  // "mlx5_0", "rxe0"
  // The kernel's; of a device on no bus "rxe" (Soft-RoCE) or "siw" (iWARP).
  std::string driver;
  std::string vendor;       // PCI's number, "0x15b3"; empty: not on PCI
  std::string pci_address;  // "0000:03:00.0"; empty: not on PCI
  std::string firmware;
  std::string node_guid;
  std::string uverbs;  // "uverbs0", in /dev/infiniband; empty: no ib_uverbs
  bool is_iwarp = false;
  std::optional<unsigned> node;  // NUMA; nothing: not known
  std::vector<VerbsPort> ports;
  // Nothing: the device could not be opened; `trouble` is then a sentence that
  // says what to do.
  std::optional<VerbsCapacity> capacity;
  std::string trouble;
};

// By name; none: this host has none. `sysfs`: "/sys", or a tree like it;
// `interfaces`: of the same host.
std::vector<VerbsDevice> read_verbs_devices(
    const std::filesystem::path& sysfs,
    std::span<const NetworkInterface> interfaces);

// "100 Gb/sec (4X EDR)", "2.5 Gb/sec (1X SDR)" -> bits a second; 0: no rate.
uint64_t port_rate_bits_s(const std::string& rate);

}  // namespace causeway

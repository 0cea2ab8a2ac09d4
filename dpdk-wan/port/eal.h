// DPDK's environment (EAL), of which a process has one: set up by the first
// port, kept until the process ends. None of its threads runs our code: whoever
// owns a port polls it.
//
// Any thread; calls wait for each other.
#pragma once

#include <string>

#include "engine/base/result.h"

namespace causeway {

// Sets it up unless it is there. The devices of a PCI bus can be opened if the
// first call wanted them (`pci_device`, the first one's address; else empty):
// DPDK looks at the bus once. With huge pages where enough of them are free,
// else in ordinary memory; one line of the log says which.
Status set_up_eal(const std::string& pci_device);

// What DPDK and its drivers last complained of since the last call: the reason
// behind an error code.
std::string take_eal_complaints();

}  // namespace causeway

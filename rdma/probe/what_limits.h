// What holds a move by RDMA back, as far as a probe's figures tell. Pure.
#pragma once

#include <string>

#include "rdma/probe/rdma_probe.h"

namespace causeway {

// Shares of the time in which the WRITEs flowed.
struct ProcessorShares {
  double own_thread = 0;  // of one processor
  double host = 0;        // of all processors, whoever used them
};

struct RdmaLimit {
  // "registration", "port", "cpu", "mtu" or "device"
  std::string what;
  std::string why;  // a sentence with the figures
};

RdmaLimit what_limits(const RdmaProbeFigures& figures,
                      const ProcessorShares& processors);

}  // namespace causeway

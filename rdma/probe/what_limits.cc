#include "rdma/probe/what_limits.h"

#include <fmt/format.h>

namespace causeway {
namespace {

// What a packet of the MTU carries beside its heads (RoCEv2: Ethernet 18 with
// its checksum, IPv4 20, UDP 8, base transport 12, invariant CRC 4, and 20 of
// preamble and gap).
constexpr double kHeadBytes = 82;

// So near to a limit is at it.
constexpr double kAtPort = 0.85;
constexpr double kAtOwnThread = 0.9;
constexpr double kAtHost = 0.95;

double gbit_s(double bytes_s) { return bytes_s * 8 / 1e9; }

double port_bytes_s(const RdmaProbeFigures& figures) {
  const double mtu = figures.mtu_bytes;
  return static_cast<double>(figures.port_bits_s) / 8 * mtu /
         (mtu + kHeadBytes);
}

}  // namespace

RdmaLimit what_limits(const RdmaProbeFigures& figures,
                      const ProcessorShares& processors) {
  if (figures.registration_bytes_s < figures.bytes_s) {
    return {"registration",
            fmt::format("memory is registered at {:.3g} Gbit/s and written at "
                        "{:.3g}: the first pass over a guest goes at the "
                        "former for each worker; more --streams, or huge "
                        "pages for the guest, raise it",
                        gbit_s(figures.registration_bytes_s),
                        gbit_s(figures.bytes_s))};
  }
  const double port = port_bytes_s(figures);
  if (port > 0 && figures.bytes_s >= kAtPort * port) {
    return {"port", fmt::format("{:.3g} of the {:.3g} Gbit/s that the port "
                                "carries at its MTU of {} bytes",
                                gbit_s(figures.bytes_s), gbit_s(port),
                                figures.mtu_bytes)};
  }
  if (processors.own_thread >= kAtOwnThread) {
    return {"cpu", fmt::format("the thread that posts used {:.0f} % of its "
                               "processor",
                               100 * processors.own_thread)};
  }
  if (processors.host >= kAtHost) {
    return {"cpu",
            fmt::format("the processors of this host were busy for "
                        "{:.0f} % of the time, {:.0f} % of one by the "
                        "thread that posts",
                        100 * processors.host, 100 * processors.own_thread)};
  }
  if (figures.mtu_bytes < figures.mtu_bytes_max) {
    return {"mtu", fmt::format("the port goes at an MTU of {} bytes and could "
                               "at {}: raise the network interface's",
                               figures.mtu_bytes, figures.mtu_bytes_max)};
  }
  return {"device", fmt::format("neither its port ({:.3g} Gbit/s), its MTU, "
                                "registrations nor this host's processors: "
                                "the device, its bus, the switch, or the "
                                "other end",
                                gbit_s(port))};
}

}  // namespace causeway

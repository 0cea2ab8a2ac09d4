#include "tests/integration/cell_wire.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>

namespace causeway::integration {
namespace {

// Between two towns. A round is over in a second or two, and a busy machine's
// emulator keeps it.
constexpr const char* kLine = "200M,20ms";

Status run(const std::string& command) {
  if (std::system(command.c_str()) == 0) return {};
  return make_error(ErrorCode::kIo, "{} has failed", command);
}

}  // namespace

Result<CellWire> CellWire::create(Victim victim) {
  CellWire wire(victim);
  if (path_of(victim) == "rdma") CAUSEWAY_TRY(wire.find_fabric());
  switch (wire_of(victim)) {
    case Wire::kLoopback:
    case Wire::kFabric:
      break;
    case Wire::kCable:
      CAUSEWAY_TRY(wire.join(Wiring::kDirect, 1));
      break;
    case Wire::kLine:
      CAUSEWAY_TRY(wire.join(Wiring::kThroughMiddle, 1));
      break;
    case Wire::kTwoLines:
      CAUSEWAY_TRY(wire.join(Wiring::kThroughMiddle, 2));
      break;
  }
  return wire;
}

Status CellWire::join(Wiring wiring, int cables) {
  CAUSEWAY_ASSIGN(
      NamespacePair network,
      NamespacePair::create(wiring, NamespacePair::kMtuDefault, cables));
  network_ = std::make_unique<NamespacePair>(std::move(network));
  if (wiring == Wiring::kDirect) return {};
  for (int i = 0; i < cables; ++i) {
    CAUSEWAY_ASSIGN(lines_[i], EmulatorProcess::start(
                                   network_.get(),
                                   binary_folder() + "/causeway-wan-emulator",
                                   {"--link", kLine}, i));
  }
  return {};
}

Status CellWire::find_fabric() {
  const char* addresses = std::getenv("CAUSEWAY_RDMA_ADDRESSES");
  const char* silence = std::getenv("CAUSEWAY_RDMA_SILENCE");
  const char* hardware = std::getenv("CAUSEWAY_RDMA_HARDWARE");
  if (addresses == nullptr || silence == nullptr || hardware == nullptr) {
    return make_error(ErrorCode::kNotFound,
                      "start it by tests/labs/rdma/run: no verbs devices here");
  }
  std::istringstream(addresses) >> devices_[0] >> devices_[1];
  silence_ = silence;
  hardware_ = hardware;
  return {};
}

Status CellWire::silence(const char* what) const {
  return run(silence_ + " " + what);
}

Status CellWire::hardware(const std::string& what) const {
  return run(hardware_ + " " + what);
}

void CellWire::place(int host, TestAgentOptions* options) const {
  if (!silence_.empty()) {
    options->arguments.insert(options->arguments.end(),
                              {"--rdma-fabric", "lab=" + devices_[host]});
  }
  if (!network_) return;
  options->network = network_.get();
  options->host = host;
  if (wire_of(victim_) != Wire::kTwoLines) return;
  for (int i = 0; i < kLinesMax; ++i) {
    options->arguments.insert(options->arguments.end(),
                              {"--wan-via", network_->address(host, i)});
  }
}

Status CellWire::cut() {
  switch (victim_) {
    case Victim::kLink:
      return network_->cut();
    case Victim::kFabric:
      return silence("begin");
    case Victim::kPort:
      return hardware("down");
    case Victim::kSourceDevice:
      return hardware("unplug " + devices_[0]);
    case Victim::kTargetDevice:
      return hardware("unplug " + devices_[1]);
    default:
      return set_lines("both loss=100%");
  }
}

Status CellWire::mend() {
  switch (victim_) {
    case Victim::kLink:
      return network_->mend();
    case Victim::kFabric:
      return silence("end");
    case Victim::kPort:
      return hardware("up");
    default:
      return set_lines("both loss=0%");
  }
}

Status CellWire::renew() {
  const bool touched = victim_ == Victim::kPort ||
                       victim_ == Victim::kSourceDevice ||
                       victim_ == Victim::kTargetDevice;
  return touched ? hardware("renew") : Status();
}

Result<std::string> CellWire::registrations() {
  std::FILE* const shown =
      ::popen("PATH=$PATH:/usr/sbin rdma resource show mr", "r");
  CAUSEWAY_ASSERT(shown != nullptr);
  std::string lines;
  std::array<char, 512> line;
  while (std::fgets(line.data(), line.size(), shown) != nullptr) {
    // The kernel's own have no process.
    if (std::strstr(line.data(), " pid ") != nullptr) lines += line.data();
  }
  if (::pclose(shown) == 0) return lines;
  return make_error(ErrorCode::kIo, "rdma resource show mr has failed");
}

Status CellWire::set_lines(const std::string& change) {
  if (victim_ != Victim::kOtherLane) CAUSEWAY_TRY(lines_[0]->set(change));
  const bool second =
      victim_ == Victim::kOtherLane || victim_ == Victim::kBothLanes;
  if (second) CAUSEWAY_TRY(lines_[1]->set(change));
  return {};
}

}  // namespace causeway::integration

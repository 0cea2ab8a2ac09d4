// CellWire: what is between the two hosts of a cell of the crash matrix, and
// how it is cut. Two hosts on the loopback have nothing to cut.
//
// Not thread-safe.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "tests/integration/crash_cells.h"
#include "tests/integration/test_agent.h"
#include "tools/wan-emulator/emulator_process.h"

namespace causeway::integration {

class CellWire {
 public:
  static constexpr int kLinesMax = 2;

  // kPermission where namespaces may not be made.
  static Result<CellWire> create(Victim victim);

  // Where the agent of that host lives, and the addresses that it moves by.
  void place(int host, TestAgentOptions* options) const;

  // What the victim is, in both directions; connections are not told. In force
  // when it returns.
  Status cut();
  Status mend();
  // Once the agents are gone: verbs devices as new.
  Status renew();

  // What processes have registered with the verbs devices, a line each.
  static Result<std::string> registrations();

 private:
  explicit CellWire(Victim victim) : victim_(victim) {}
  Status join(Wiring wiring, int cables);
  Status find_fabric();
  Status silence(const char* what) const;
  Status hardware(const std::string& what) const;
  Status set_lines(const std::string& change);

  Victim victim_;
  // The agents keep where it is.
  std::unique_ptr<NamespacePair> network_;
  std::array<std::unique_ptr<EmulatorProcess>, kLinesMax> lines_;
  std::array<std::string, 2> devices_;  // of verbs, by their addresses
  // The commands that cut their fabric, and that lay hands on them.
  std::string silence_;
  std::string hardware_;
};

}  // namespace causeway::integration

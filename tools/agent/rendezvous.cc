#include "tools/agent/rendezvous.h"

#include <sys/random.h>

#include <cerrno>

#include "engine/control/agent_address.h"

namespace causeway {

Result<std::string> random_hex(size_t bytes) {
  std::string raw(bytes, '\0');
  if (getrandom(raw.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
    return errno_error(errno, "getrandom");
  }
  std::string hex;
  for (const char c : raw) {
    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  }
  return hex;
}

Result<std::string> reachable_mover(const std::string& mover_address,
                                    const std::string& agent_address) {
  CAUSEWAY_ASSIGN(AgentAddress mover, parse_agent_address(mover_address));
  if (!mover.is_wildcard()) return mover_address;
  CAUSEWAY_ASSIGN(const AgentAddress agent, parse_agent_address(agent_address));
  mover.host = agent.host;
  return mover.text();
}

}  // namespace causeway

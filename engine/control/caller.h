// Caller: who called an agent, as far as the connection proves it.
#pragma once

#include <string>

namespace causeway {

struct Caller {
  // Of the certificate, the first DNS name of its subjectAltName. Empty in the
  // clear, on the agent's own socket, or when the certificate has none.
  std::string name;
  // On the agent's UNIX socket: the file's permissions let it in.
  bool local = false;
};

}  // namespace causeway

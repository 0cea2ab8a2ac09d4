// An Error across gRPC and back. The code's name travels in the error
// details, so that a peer of another version that does not know the name
// still gets a fitting gRPC code. For engine/control only: brings gRPC in.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "engine/base/result.h"

namespace causeway {

grpc::Status to_grpc(const Status& status);

// The agent that was called, for the sentences.
struct CalledAgent {
  std::string address;
  bool encrypted = false;  // we speak TLS with it
  bool answered = false;   // it has said something in this call already
};
Status from_grpc(const grpc::Status& status, const CalledAgent& agent);

// gRPC writes of what it finds wrong to standard error; we say it ourselves,
// once. GRPC_VERBOSITY in the environment brings it back.
void quieten_grpc();

}  // namespace causeway

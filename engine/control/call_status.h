// An Error across gRPC and back. The code's name travels in the error
// details, so that a peer of another version that does not know the name
// still gets a fitting gRPC code. For engine/control only: brings gRPC in.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "engine/base/result.h"

namespace causeway {

grpc::Status to_grpc(const Status& status);

// `address` is the agent that was called; `answered`: it has said something
// in this call already.
Status from_grpc(const grpc::Status& status, const std::string& address,
                 bool answered);

// gRPC writes of what it finds wrong to standard error; we say it ourselves,
// once. GRPC_VERBOSITY in the environment brings it back.
void quieten_grpc();

}  // namespace causeway

#include "engine/control/call_status.h"

#include <grpc/support/log.h>

#include <cstdlib>
#include <optional>

namespace causeway {
namespace {

grpc::StatusCode grpc_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case ErrorCode::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case ErrorCode::kAlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case ErrorCode::kNoSpace:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case ErrorCode::kIncompatible:
    case ErrorCode::kGuestDied:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case ErrorCode::kPermission:
      return grpc::StatusCode::PERMISSION_DENIED;
    case ErrorCode::kUnreachable:
    case ErrorCode::kConnectionLost:
      return grpc::StatusCode::ABORTED;
    case ErrorCode::kContentMismatch:
    case ErrorCode::kPeerBroken:
      return grpc::StatusCode::DATA_LOSS;
    case ErrorCode::kCancelled:
      return grpc::StatusCode::CANCELLED;
    case ErrorCode::kTimeout:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::INTERNAL;
}

// Why no connection came about, as far as gRPC 1.51's sentence tells; nothing
// when it is not about TLS. An agent that ends just when it is called looks
// like one that does not like us.
std::optional<Error> handshake_error(const std::string& why,
                                     const CalledAgent& agent) {
  const auto says = [&why](const char* text) {
    return why.find(text) != std::string::npos;
  };
  if (!says("failed to connect")) return std::nullopt;
  const bool hung_up =
      says("Socket closed") || says("Connection reset") || says("Broken pipe");
  if (!agent.encrypted) {
    if (!hung_up) return std::nullopt;
    return make_error(ErrorCode::kPermission,
                      "the agent at {} speaks TLS and this end speaks in the "
                      "clear: without --clear here, or with --clear there",
                      agent.address);
  }
  if (says("wrong version number")) {
    return make_error(ErrorCode::kPermission,
                      "the agent at {} speaks in the clear and this end "
                      "speaks TLS: without --clear there, or with --clear here",
                      agent.address);
  }
  if (says("Hostname Verification Check failed")) {
    return make_error(ErrorCode::kPermission,
                      "the certificate of the agent at {} is not for that "
                      "address: name it with `causeway pki host --address`, "
                      "or call the agent by a name that the certificate has",
                      agent.address);
  }
  if (says("certificate verify failed")) {
    return make_error(ErrorCode::kPermission,
                      "the certificate of the agent at {} is not accepted: it "
                      "is not of a CA in this end's ca.crt, or has expired",
                      agent.address);
  }
  if (says("handshake failed")) {
    return make_error(ErrorCode::kPermission, "no TLS with the agent at {}: {}",
                      agent.address, why);
  }
  if (!hung_up) return std::nullopt;
  return make_error(ErrorCode::kPermission,
                    "the agent at {} hung up in the handshake: it does not "
                    "accept this end's certificate (another CA, expired?)",
                    agent.address);
}

// gRPC's own failures, which carry no name of ours.
Error transport_error(const grpc::Status& status, const CalledAgent& agent) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (agent.answered) {
        return make_error(ErrorCode::kConnectionLost,
                          "the connection to the agent at {} was lost ({})",
                          agent.address, status.error_message());
      }
      if (auto error = handshake_error(status.error_message(), agent)) {
        return *std::move(error);
      }
      return make_error(ErrorCode::kUnreachable,
                        "no agent answers at {}; is `causeway agent` running "
                        "there and the address right? ({})",
                        agent.address, status.error_message());
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return make_error(ErrorCode::kTimeout,
                        "the agent at {} did not answer in time",
                        agent.address);
    case grpc::StatusCode::UNIMPLEMENTED:
      return make_error(ErrorCode::kIncompatible,
                        "the agent at {} does not know this call; it is of "
                        "another version",
                        agent.address);
    case grpc::StatusCode::CANCELLED:
      return make_error(ErrorCode::kConnectionLost,
                        "the agent at {} broke the call off; it was stopped",
                        agent.address);
    default:
      return make_error(ErrorCode::kPeerBroken, "the agent at {} failed: {}",
                        agent.address, status.error_message());
  }
}

}  // namespace

void quieten_grpc() {
  if (getenv("GRPC_VERBOSITY") != nullptr) return;
  gpr_set_log_function([](gpr_log_func_args*) {});
}

grpc::Status to_grpc(const Status& status) {
  if (status) return grpc::Status::OK;
  const Error& error = status.error();
  return grpc::Status(grpc_code(error.code), error.message,
                      error_code_name(error.code));
}

Status from_grpc(const grpc::Status& status, const CalledAgent& agent) {
  if (status.ok()) return {};
  if (const auto code = error_code_from_name(status.error_details())) {
    return Error{*code, status.error_message()};
  }
  return transport_error(status, agent);
}

}  // namespace causeway

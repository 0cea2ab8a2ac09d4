#include "engine/control/call_status.h"

#include <grpc/support/log.h>

#include <cstdlib>

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

// gRPC's own failures, which carry no name of ours.
Error transport_error(const grpc::Status& status, const std::string& address,
                      bool answered) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      if (answered) {
        return make_error(ErrorCode::kConnectionLost,
                          "the connection to the agent at {} was lost ({})",
                          address, status.error_message());
      }
      return make_error(ErrorCode::kUnreachable,
                        "no agent answers at {}; is `causeway agent` running "
                        "there and the address right? ({})",
                        address, status.error_message());
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return make_error(ErrorCode::kTimeout,
                        "the agent at {} did not answer in time", address);
    case grpc::StatusCode::UNIMPLEMENTED:
      return make_error(ErrorCode::kIncompatible,
                        "the agent at {} does not know this call; it is of "
                        "another version",
                        address);
    case grpc::StatusCode::CANCELLED:
      return make_error(ErrorCode::kConnectionLost,
                        "the agent at {} broke the call off; it was stopped",
                        address);
    default:
      return make_error(ErrorCode::kPeerBroken, "the agent at {} failed: {}",
                        address, status.error_message());
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

Status from_grpc(const grpc::Status& status, const std::string& address,
                 bool answered) {
  if (status.ok()) return {};
  if (const auto code = error_code_from_name(status.error_details())) {
    return Error{*code, status.error_message()};
  }
  return transport_error(status, address, answered);
}

}  // namespace causeway

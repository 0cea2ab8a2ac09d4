#include "engine/base/result.h"

#include <cerrno>
#include <system_error>

namespace causeway {

const char* error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid-argument";
    case ErrorCode::kNotFound:
      return "not-found";
    case ErrorCode::kAlreadyExists:
      return "already-exists";
    case ErrorCode::kUnreachable:
      return "unreachable";
    case ErrorCode::kNoSpace:
      return "no-space";
    case ErrorCode::kIncompatible:
      return "incompatible";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kGuestDied:
      return "guest-died";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kPeerBroken:
      return "peer-broken";
    case ErrorCode::kConnectionLost:
      return "connection-lost";
    case ErrorCode::kContentMismatch:
      return "content-mismatch";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kTimeout:
      return "timeout";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from_name(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(ErrorCode::kInternal); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    if (name == error_code_name(code)) return code;
  }
  return std::nullopt;
}

namespace {

ErrorCode code_of_errno(int errno_value) {
  switch (errno_value) {
    case EINVAL:
      return ErrorCode::kInvalidArgument;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
    case EADDRINUSE:
      return ErrorCode::kAlreadyExists;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return ErrorCode::kUnreachable;
    case ENOSPC:
    case ENOMEM:
    case EDQUOT:
      return ErrorCode::kNoSpace;
    case EACCES:
    case EPERM:
      return ErrorCode::kPermission;
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return ErrorCode::kConnectionLost;
    case ETIMEDOUT:
      return ErrorCode::kTimeout;
    default:
      return ErrorCode::kIo;
  }
}

}  // namespace

Error errno_error(int errno_value, std::string_view what) {
  return make_error(code_of_errno(errno_value), "{}: {}", what,
                    std::generic_category().message(errno_value));
}

}  // namespace causeway

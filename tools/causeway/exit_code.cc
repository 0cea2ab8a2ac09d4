#include "tools/causeway/exit_code.h"

namespace causeway {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return kUsageExitCode;
    case ErrorCode::kNotFound:
      return 3;
    case ErrorCode::kAlreadyExists:
      return 4;
    case ErrorCode::kUnreachable:
      return 5;
    case ErrorCode::kNoSpace:
      return 6;
    case ErrorCode::kIncompatible:
      return 7;
    case ErrorCode::kPermission:
      return 8;
    case ErrorCode::kGuestDied:
      return 9;
    case ErrorCode::kIo:
      return 10;
    case ErrorCode::kPeerBroken:
      return 11;
    case ErrorCode::kConnectionLost:
      return 12;
    case ErrorCode::kContentMismatch:
      return 13;
    case ErrorCode::kCancelled:
      return 14;
    case ErrorCode::kTimeout:
      return 15;
    case ErrorCode::kInternal:
      return 1;
  }
  return 1;
}

}  // namespace causeway

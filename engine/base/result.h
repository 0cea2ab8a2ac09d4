// Result<T>: a value or an Error, under std::expected's names (C++23), which
// GCC 12 and Clang 14 do not both have.
//
// Three kinds of trouble (design, rule 7): our bug -> CAUSEWAY_ASSERT; the
// world -> Result; full -> a short count, never an Error.
#pragma once

#include <fmt/core.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "engine/base/assert.h"

namespace causeway {

// What kind of trouble: what a caller may branch on. Exit codes of the CLI and
// gRPC status codes derive from it (tools/README.md has the table).
enum class ErrorCode {
  kInvalidArgument,  // the request is wrong; nothing was started
  kNotFound,         // unknown guest, missing file
  kAlreadyExists,    // the name is taken
  kUnreachable,      // no connection to the peer
  kNoSpace,          // the host is short of memory or disk
  kIncompatible,     // CPU features, protocol version, hypervisor kind
  kPermission,       // a right is missing (/dev/kvm, CAP_NET_ADMIN)
  kGuestDied,        // the guest can run no more
  kIo,               // a read, write or system call failed
  kPeerBroken,       // bytes from the peer that cannot be believed
  kConnectionLost,   // the peer or the link went away in mid-run
  kContentMismatch,  // the proof of content failed
  kCancelled,        // someone asked for it
  kTimeout,
  kInternal,
};

// "no-space": stable names, used on sockets, in JSON and in metrics.
const char* error_code_name(ErrorCode code);
std::optional<ErrorCode> error_code_from_name(std::string_view name);

// `message` is a sentence for the operator: what is wrong, where, what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

template <typename... Args>
Error make_error(ErrorCode code, fmt::format_string<Args...> format,
                 Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

// "call: strerror(errno_value)" with the code that fits the errno.
Error errno_error(int errno_value, std::string_view what);

template <typename T>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose, as in std::expected: `return value;`.
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    CAUSEWAY_ASSERT(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CAUSEWAY_ASSERT(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    CAUSEWAY_ASSERT(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    CAUSEWAY_ASSERT(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CAUSEWAY_ASSERT(!has_value());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const { return !error_.has_value(); }
  explicit operator bool() const { return has_value(); }
  void value() const { CAUSEWAY_ASSERT(has_value()); }
  const Error& error() const& {
    CAUSEWAY_ASSERT(error_.has_value());
    return *error_;
  }
  Error&& error() && {
    CAUSEWAY_ASSERT(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// Returns the error of `expr` from the calling function, if it has one.
#define CAUSEWAY_TRY(expr)                           \
  do {                                               \
    if (auto causeway_try_ = (expr); !causeway_try_) \
      return std::move(causeway_try_).error();       \
  } while (false)

// CAUSEWAY_ASSIGN(auto fd, open_file(path)): the value, or return its error.
// A declaration and a name cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define CAUSEWAY_ASSIGN(decl, expr) \
  CAUSEWAY_ASSIGN_(decl, expr, CAUSEWAY_CONCAT_(causeway_result_, __LINE__))
#define CAUSEWAY_ASSIGN_(decl, expr, name)   \
  auto name = (expr);                        \
  if (!name) return std::move(name).error(); \
  decl = std::move(name).value()
// NOLINTEND(bugprone-macro-parentheses)
#define CAUSEWAY_CONCAT_(a, b) CAUSEWAY_CONCAT2_(a, b)
#define CAUSEWAY_CONCAT2_(a, b) a##b

}  // namespace causeway

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/path/tcp/tls_session.h"

namespace causeway {
namespace {

// An alert of the peer's that names our certificate (RFC 8446, 6.2).
bool is_refusal(int reason) {
  switch (reason - SSL_AD_REASON_OFFSET) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL3_AD_HANDSHAKE_FAILURE:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

}  // namespace

// The bytes of the next record, `skip` bytes into `pieces`; never empty.
std::span<const std::byte> TlsSession::next_record(
    std::span<const iovec> pieces, size_t skip) {
  size_t first = 0;
  while (skip >= pieces[first].iov_len) skip -= pieces[first++].iov_len;
  const auto* at = static_cast<const std::byte*>(pieces[first].iov_base) + skip;
  const size_t there = pieces[first].iov_len - skip;
  if (there >= record_.size() || first + 1 == pieces.size()) {
    return {at, std::min(there, record_.size())};
  }
  size_t bytes = 0;
  for (size_t i = first; i < pieces.size() && bytes < record_.size(); ++i) {
    const size_t from = i == first ? skip : 0;
    const size_t taken =
        std::min(pieces[i].iov_len - from, record_.size() - bytes);
    std::memcpy(record_.data() + bytes,
                static_cast<const std::byte*>(pieces[i].iov_base) + from,
                taken);
    bytes += taken;
  }
  return std::span(record_).first(bytes);
}

// Not while a record is half-way out: it must go first.
bool TlsSession::due_for_new_key() const {
  return records_ >= records_a_key_ && retry_bytes_ == 0;
}

StreamIo TlsSession::send(std::span<const iovec> pieces) {
  CAUSEWAY_ASSERT(shaken_ && !kernel_sends_);
  if (sending_.state != StreamIo::State::kMoved) return sending_;
  size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  for (size_t moved = 0; moved < total;) {
    ERR_clear_error();
    errno = 0;
    // Goes out with the next record; refused while the peer's own renewal is
    // half-way in, and asked for again then.
    if (due_for_new_key() &&
        SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1) {
      records_ = 0;
      ++keys_renewed_;
    }
    auto record = next_record(pieces, moved);
    if (retry_bytes_ > 0) {
      // The same bytes, and no more of them, though more may have come.
      CAUSEWAY_ASSERT(record.size() >= retry_bytes_);
      record = record.first(retry_bytes_);
    }
    size_t written = 0;
    const int status =
        SSL_write_ex(ssl_.get(), record.data(), record.size(), &written);
    if (status != 1) {
      StreamIo io = troubled(status);
      io.bytes = moved;
      retry_bytes_ = record.size();
      if (io.state == StreamIo::State::kBlocked) return io;
      return sending_ = io;
    }
    retry_bytes_ = 0;
    ++records_;
    moved += written;
  }
  return {StreamIo::State::kMoved, false, 0, total};
}

StreamIo TlsSession::receive(std::span<const iovec> pieces) {
  CAUSEWAY_ASSERT(shaken_);
  size_t moved = 0;
  for (const iovec& piece : pieces) {
    for (size_t at = 0; at < piece.iov_len;) {
      StreamIo io = receiving_;
      size_t got = 0;
      if (io.state == StreamIo::State::kMoved) {
        ERR_clear_error();
        errno = 0;
        const int status = SSL_read_ex(
            ssl_.get(), static_cast<std::byte*>(piece.iov_base) + at,
            piece.iov_len - at, &got);
        if (status != 1) io = troubled(status);
      }
      at += got;
      moved += got;
      if (io.state == StreamIo::State::kMoved) continue;
      if (io.state != StreamIo::State::kBlocked) receiving_ = io;
      // What came before the end is taken first, and the end told then.
      may_hold_bytes_ = io.state != StreamIo::State::kBlocked && moved > 0;
      if (may_hold_bytes_) io = {StreamIo::State::kMoved};
      io.bytes = moved;
      return io;
    }
  }
  may_hold_bytes_ = true;
  return {StreamIo::State::kMoved, false, 0, moved};
}

StreamIo TlsSession::troubled(int status) const {
  const int errno_value = errno;
  const int error = SSL_get_error(ssl_.get(), status);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return {StreamIo::State::kBlocked};
  }
  if (error == SSL_ERROR_ZERO_RETURN) return {StreamIo::State::kClosed};
  if (error == SSL_ERROR_SYSCALL) {
    return {StreamIo::State::kBroken, false,
            errno_value == 0 ? ECONNRESET : errno_value};
  }
  const unsigned long code = ERR_peek_last_error();
  const char* const text = ERR_reason_error_string(code);
  return {StreamIo::State::kBroken, is_refusal(ERR_GET_REASON(code)), 0, 0,
          text == nullptr ? "TLS failed" : text};
}

}  // namespace causeway

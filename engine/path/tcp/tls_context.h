// TlsContext: a host's certificate, key and CA, read once and ready for the
// streams of one path: TLS 1.3 alone, certificates at both ends, no session
// tickets. OpenSSL stays out of the header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"
#include "engine/path/tcp/limits.h"

using SSL_CTX = struct ssl_ctx_st;

namespace causeway {

// One end's wish for the streams of a path.
struct TlsOptions {
  TlsFiles files;
  // Whose certificate the other end must show (certificate.h).
  std::string peer_name;
  // The kernel encrypts what is sent, where it can. It cannot renew a key: not
  // for paths that may carry more than kTlsKernelBytesMax a stream.
  bool kernel = true;
  uint64_t records_a_key = kTlsRecordsAKeyMax;
};

class TlsContext {
 public:
  // Reads the files; an Error names the one that is wrong.
  static Result<TlsContext> load(const TlsOptions& options);

  SSL_CTX* get() const { return context_.get(); }
  const std::string& peer_name() const { return peer_name_; }
  uint64_t records_a_key() const { return records_a_key_; }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  TlsContext(SSL_CTX* context, const TlsOptions& options)
      : context_(context),
        peer_name_(options.peer_name),
        records_a_key_(options.records_a_key) {}

  std::unique_ptr<SSL_CTX, Free> context_;
  std::string peer_name_;
  uint64_t records_a_key_;
};

}  // namespace causeway

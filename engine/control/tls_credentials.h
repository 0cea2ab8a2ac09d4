// What gRPC takes for TLS 1.3 with certificates at both ends, or for speaking
// in the clear. For engine/control only: brings gRPC in.
#pragma once

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/base/tls_files.h"

namespace causeway {

// The files are read now: a client is made for each errand.
Result<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::optional<TlsFiles>& tls);

// The files are read now, and again every `refresh_s`: what is renewed holds
// for connections that come later.
Result<std::shared_ptr<grpc::ServerCredentials>> server_credentials(
    const TlsFiles& tls, unsigned refresh_s);

// The first DNS name of the peer's certificate, or nothing.
std::string peer_name(const grpc::AuthContext* context);

}  // namespace causeway

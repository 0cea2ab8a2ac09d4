#include "engine/content/content_identity.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>

#include "engine/base/assert.h"

namespace causeway {

struct ContentIdentity::Impl {
  struct Free {
    void operator()(EVP_MAC* it) const { EVP_MAC_free(it); }
    void operator()(EVP_MAC_CTX* it) const { EVP_MAC_CTX_free(it); }
  };
  std::unique_ptr<EVP_MAC, Free> mac;
  std::unique_ptr<EVP_MAC_CTX, Free> context;  // has the key
};

ContentIdentity::ContentIdentity(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
ContentIdentity::~ContentIdentity() = default;
ContentIdentity::ContentIdentity(ContentIdentity&&) noexcept = default;
ContentIdentity& ContentIdentity::operator=(ContentIdentity&&) noexcept =
    default;

Result<ContentIdentity> ContentIdentity::create(const ContentKey& key) {
  auto impl = std::make_unique<Impl>();
  impl->mac.reset(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (impl->mac) impl->context.reset(EVP_MAC_CTX_new(impl->mac.get()));
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  if (!impl->context ||
      EVP_MAC_init(impl->context.get(),
                   reinterpret_cast<const unsigned char*>(key.data()),
                   key.size(), parameters) != 1) {
    return make_error(ErrorCode::kIncompatible,
                      "OpenSSL on this host has no HMAC-SHA-256, which the "
                      "content index needs; see openssl.cnf.");
  }
  return ContentIdentity(std::move(impl));
}

ContentDigest ContentIdentity::digest(const std::byte* block) {
  std::array<std::byte, 32> whole;
  size_t bytes = 0;
  // Without a key: the one that it has, from its precomputed state.
  const bool done =
      EVP_MAC_init(impl_->context.get(), nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(impl_->context.get(),
                     reinterpret_cast<const unsigned char*>(block),
                     kBlockBytes) == 1 &&
      EVP_MAC_final(impl_->context.get(),
                    reinterpret_cast<unsigned char*>(whole.data()), &bytes,
                    whole.size()) == 1;
  CAUSEWAY_ASSERT(done && bytes == whole.size());
  ContentDigest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace causeway

#include "engine/content/content_identity.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>

#include "engine/base/assert.h"
#include "engine/content/sha256_pair.h"

namespace causeway {
namespace {

using HashBlock = std::array<std::byte, kSha256BlockBytes>;

// RFC 2104: the states after the key's two blocks.
struct HmacStates {
  Sha256State inner = kSha256Begin;
  Sha256State outer = kSha256Begin;
};

HmacStates states_of(const ContentKey& key) {
  static_assert(kContentKeyBytes <= kSha256BlockBytes);
  HashBlock inner;
  HashBlock outer;
  inner.fill(std::byte{0x36});
  outer.fill(std::byte{0x5c});
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  HmacStates states;
  sha256_pair(states.inner, inner.data(), states.outer, outer.data(), 1);
  return states;
}

// Big-endian.
void store(uint32_t value, std::byte* to) {
  value = __builtin_bswap32(value);
  std::memcpy(to, &value, sizeof(value));
}

// The last block of a message of so many bytes in all, but for its first part.
HashBlock padding(size_t from, uint32_t message_bytes) {
  HashBlock block{};
  block[from] = std::byte{0x80};
  store(message_bytes * 8, block.data() + kSha256BlockBytes - 4);
  return block;
}

// What the outer hash takes: the inner digest, padded.
HashBlock outer_block(const Sha256State& inner) {
  HashBlock block =
      padding(sizeof(inner), kSha256BlockBytes + sizeof(Sha256State));
  for (size_t i = 0; i < inner.size(); ++i) store(inner[i], &block[4 * i]);
  return block;
}

ContentDigest start_of(const Sha256State& state) {
  ContentDigest digest;
  static_assert(sizeof(digest) == 2 * sizeof(uint32_t));
  store(state[0], digest.data());
  store(state[1], digest.data() + 4);
  return digest;
}

}  // namespace

struct ContentIdentity::Impl {
  struct Free {
    void operator()(EVP_MAC* it) const { EVP_MAC_free(it); }
    void operator()(EVP_MAC_CTX* it) const { EVP_MAC_CTX_free(it); }
  };
  std::unique_ptr<EVP_MAC, Free> mac;
  std::unique_ptr<EVP_MAC_CTX, Free> context;  // has the key
  bool in_pairs = false;
  HmacStates states;  // when in_pairs
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
  impl->in_pairs = has_sha256_pair();
  if (impl->in_pairs) impl->states = states_of(key);
  return ContentIdentity(std::move(impl));
}

ContentDigest ContentIdentity::digest(std::span<const std::byte> bytes) {
  std::array<std::byte, 32> whole;
  size_t written = 0;
  // Without a key: the one that it has, from its precomputed state.
  const bool done =
      EVP_MAC_init(impl_->context.get(), nullptr, 0, nullptr) == 1 &&
      EVP_MAC_update(impl_->context.get(),
                     reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1 &&
      EVP_MAC_final(impl_->context.get(),
                    reinterpret_cast<unsigned char*>(whole.data()), &written,
                    whole.size()) == 1;
  CAUSEWAY_ASSERT(done && written == whole.size());
  ContentDigest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

std::array<ContentDigest, 2> ContentIdentity::digest_pair(
    std::span<const std::byte> first, std::span<const std::byte> second) {
  CAUSEWAY_ASSERT(first.size() == second.size() &&
                  first.size() % kSha256BlockBytes == 0);
  if (!impl_->in_pairs) return {digest(first), digest(second)};
  Sha256State a = impl_->states.inner;
  Sha256State b = impl_->states.inner;
  sha256_pair(a, first.data(), b, second.data(),
              first.size() / kSha256BlockBytes);
  const HashBlock inner_end =
      padding(0, static_cast<uint32_t>(kSha256BlockBytes + first.size()));
  sha256_pair(a, inner_end.data(), b, inner_end.data(), 1);
  const HashBlock a_block = outer_block(a);
  const HashBlock b_block = outer_block(b);
  a = b = impl_->states.outer;
  sha256_pair(a, a_block.data(), b, b_block.data(), 1);
  return {start_of(a), start_of(b)};
}

}  // namespace causeway

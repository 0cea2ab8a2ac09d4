// ContentIdentity: what a block's content, or a piece of it, is called in the
// content index: an HMAC-SHA-256 of its bytes under the key of a trust domain.
// An enemy may choose the content, hence SHA-256; who does not have the key
// learns nothing from a digest, nor whether two domains have the same content,
// hence a key.
//
// HMAC rather than SHA-256 over key and content: that would do where all
// messages have one length, but pieces have many. It costs the inner and outer
// pad: measured 4 % of a block (1.47 and 1.54 GB/s; unkeyed 1.53, `openssl
// speed` at 4 KiB 1.65). Source: RFC 2104; Bellare, "New proofs for NMAC and
// HMAC", 2006.
//
// Of the 32 bytes the first 8 are the name: names of known blocks are most of
// what goes over the link when the target knows an image. Who has not the key
// cannot make two contents of one name on purpose. By accident: of 400,000
// blocks (1.6 GB) asked for at a target that has 2^28 (1 TiB), one has the name
// of another in one of 170,000 runs. Such a block is then found by the proof of
// content, whose digests are another 64 bits (design, 6a): the run fails before
// commit.
//
// Owned by one thread; make one for each.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

#include "engine/base/result.h"
#include "engine/codec/codec_frame.h"

namespace causeway {

// As long as the digest: more adds nothing (RFC 2104, section 3).
inline constexpr size_t kContentKeyBytes = 32;
using ContentKey = std::array<std::byte, kContentKeyBytes>;

class ContentIdentity {
 public:
  // kIncompatible: this host's OpenSSL has no HMAC or no SHA-256.
  static Result<ContentIdentity> create(const ContentKey& key);
  ~ContentIdentity();
  ContentIdentity(ContentIdentity&&) noexcept;
  ContentIdentity& operator=(ContentIdentity&&) noexcept;

  // Of bytes that stand still: a block, or a piece of content.
  ContentDigest digest(std::span<const std::byte> bytes);
  ContentDigest digest(const std::byte* block) {
    return digest(std::span(block, kBlockBytes));
  }
  // Of two at once, of one length that is a multiple of kSha256BlockBytes: half
  // as fast again where the processor has SHA instructions (sha256_pair.h),
  // else one after the other.
  std::array<ContentDigest, 2> digest_pair(std::span<const std::byte> first,
                                           std::span<const std::byte> second);
  std::array<ContentDigest, 2> digest_pair(const std::byte* first,
                                           const std::byte* second) {
    return digest_pair(std::span(first, kBlockBytes),
                       std::span(second, kBlockBytes));
  }

 private:
  struct Impl;
  explicit ContentIdentity(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace causeway

// EarlierContent: where in the same guest the target already has a content,
// because it was sent before in this run: a page that is also a disk's block, a
// page twice. Found by the digest that both ends keep of every block for the
// proof of content, so that nothing is hashed for it.
//
// Called by the one thread that encodes, for blocks that are not zero.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/codec/codec_frame.h"

namespace causeway {

class EarlierContent {
 public:
  virtual ~EarlierContent() = default;

  // Whether the kBlockBytes at `bytes`, whose digest that is, are elsewhere in
  // the guest and were sent from there; then `from` says where. The caller
  // trusts a yes: `from` had the same bytes, not the same digest alone. That
  // they have changed since costs a resend: the target looks.
  virtual bool find(RegionId region, uint64_t block, const std::byte* bytes,
                    uint64_t digest, BlockCopy& from) = 0;

  // The block is sent with that content.
  virtual void note(RegionId region, uint64_t block, uint64_t digest) = 0;
};

}  // namespace causeway

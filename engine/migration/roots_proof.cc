#include "engine/migration/roots_proof.h"

#include <algorithm>
#include <vector>

#include "engine/content/digest.h"
#include "engine/guest/data_cursor.h"
#include "engine/migration/limits.h"

namespace causeway {
namespace {

// Holes stay what an empty table says: zero.
Status fill_table(GuestImage& image, RegionId region) {
  std::vector<std::byte> scratch(kPutBytesMax);
  std::vector<uint64_t> digests(kPutBlocksMax);
  const uint64_t blocks = image.info(region).blocks();
  DataCursor data(image.store(region));
  for (uint64_t next = 0; next < blocks;) {
    CAUSEWAY_ASSIGN(const BitRun run, data.next(next, blocks));
    if (run.count == 0) break;
    const uint64_t count = std::min(run.count, kPutBlocksMax);
    CAUSEWAY_ASSIGN(const auto bytes,
                    image.store(region).read(run.first, count, scratch));
    for (uint64_t i = 0; i < count; ++i) {
      digests[i] =
          digest_any_block(bytes.data() + i * kBlockBytes, image.digest_key());
    }
    image.digests(region).set(run.first, {digests.data(), count});
    next = run.first + count;
  }
  return {};
}

}  // namespace

Status prove_roots(GuestImage& image, std::span<const uint64_t> roots) {
  if (roots.size() != image.regions()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the roots of {} regions were kept, the guest has {}",
                      roots.size(), image.regions());
  }
  for (RegionId region = 0; region < image.regions(); ++region) {
    CAUSEWAY_TRY(fill_table(image, region));
    const uint64_t root = image.digests(region).root();
    if (root == roots[region]) continue;
    return make_error(ErrorCode::kContentMismatch,
                      "proof of content: {} is not what the target proved to "
                      "have (digest root {:016x}, there {:016x})",
                      image.info(region).name, root, roots[region]);
  }
  return {};
}

}  // namespace causeway

#include "tools/mover/proof_mover.h"

#include "engine/migration/roots_proof.h"
#include "hypervisor-shim/client/shim_guest.h"
#include "tools/mover/mover_events.h"
#include "tools/mover/region_stores.h"

namespace causeway {
namespace {

Status prove(const MoverSpec& spec) {
  CAUSEWAY_ASSIGN(const auto guest, ShimGuest::connect(spec.shim_socket));
  CAUSEWAY_ASSIGN(auto stores, open_region_stores(*guest));
  GuestImage image(std::move(stores), spec.image.digest_key);
  return prove_roots(image, spec.image.roots);
}

}  // namespace

int run_proof_mover(const MoverSpec& spec) {
  const Status proved = prove(spec);
  write_event(proved ? done_event(nlohmann::json::object())
                     : failed_event(proved.error(), GuestPlace::kTarget));
  return proved ? 0 : 1;
}

}  // namespace causeway

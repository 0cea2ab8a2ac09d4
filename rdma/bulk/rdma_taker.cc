#include "rdma/bulk/rdma_taker.h"

#include <utility>

namespace causeway {

RdmaTaker::RdmaTaker(std::unique_ptr<RdmaEndpoint> endpoint,
                     StagingRing staging, PutSink& sink,
                     const RdmaTakerOptions& options)
    : endpoint_(std::move(endpoint)),
      sink_(sink),
      staging_(std::move(staging)),
      extents_(*endpoint_, options.stores,
               IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
               options.pinned_bytes_max),
      arrived_(endpoint_->depths().messages),
      answer_out_(endpoint_->depths().messages, false) {}

}  // namespace causeway

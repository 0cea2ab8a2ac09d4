// Owners of what libibverbs and librdmacm make. Set-up and take-down only.
#pragma once

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include <memory>

namespace causeway {

template <auto Destroy>
struct DestroyBy {
  template <typename T>
  void operator()(T* what) const {
    Destroy(what);
  }
};

using EventChannel =
    std::unique_ptr<rdma_event_channel, DestroyBy<&rdma_destroy_event_channel>>;
using ProtectionDomain = std::unique_ptr<ibv_pd, DestroyBy<&ibv_dealloc_pd>>;
using CompletionChannel =
    std::unique_ptr<ibv_comp_channel, DestroyBy<&ibv_destroy_comp_channel>>;
using CompletionQueue = std::unique_ptr<ibv_cq, DestroyBy<&ibv_destroy_cq>>;
using MemoryRegion = std::unique_ptr<ibv_mr, DestroyBy<&ibv_dereg_mr>>;

// Its queue pair, if it has one, is gone before (rdma_destroy_qp).
using ConnectionId = std::unique_ptr<rdma_cm_id, DestroyBy<&rdma_destroy_id>>;

}  // namespace causeway

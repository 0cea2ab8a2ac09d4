#include "tools/mover/mover_workers.h"

#include <spdlog/spdlog.h>

#include "engine/guest/data_cursor.h"

namespace causeway {
namespace {

// A few pages tell where a guest's memory lies.
constexpr size_t kSamplePages = 16;

Result<std::optional<unsigned>> node_of_guest(const Topology& topology,
                                              GuestImage& image) {
  std::vector<const std::byte*> pages;
  for (RegionId id = 0; id < image.regions(); ++id) {
    const RegionInfo& region = image.info(id);
    if (region.kind != RegionKind::kRam) continue;
    const uint64_t stride = region.blocks() / kSamplePages + 1;
    DataCursor cursor(image.store(id));
    for (uint64_t at = 0; at < region.blocks(); at += stride) {
      CAUSEWAY_ASSIGN(const BitRun data, cursor.next(at, region.blocks()));
      if (data.count == 0) break;
      CAUSEWAY_ASSIGN(const auto page, image.store(id).read(data.first, 1, {}));
      pages.push_back(page.data());
    }
  }
  if (pages.empty()) return std::optional<unsigned>();
  return topology.node_of_pages(pages);
}

}  // namespace

Result<std::unique_ptr<MoverWorkers>> MoverWorkers::plan(Topology topology,
                                                         GuestImage& image,
                                                         uint32_t workers,
                                                         size_t scratch_bytes) {
  CAUSEWAY_ASSIGN(const auto node, node_of_guest(topology, image));
  WorkerPlan plan = plan_workers(topology, workers, node);
  if (const NumaNode* home = topology.node(plan.node); home != nullptr) {
    CAUSEWAY_TRY(topology.bind_this_thread(home->all_pus()));
  }
  spdlog::info("{} workers on NUMA node {}", workers, plan.node);
  std::unique_ptr<MoverWorkers> made(
      new MoverWorkers(std::move(topology), std::move(plan)));
  for (uint32_t worker = 0; worker < workers; ++worker) {
    CAUSEWAY_ASSIGN(
        auto buffer,
        NodeBuffer::allocate(made->topology_, made->plan_.node, scratch_bytes));
    made->buffers_.push_back(std::move(buffer));
  }
  return made;
}

Status MoverWorkers::start(uint32_t worker, Stepper& stepper) {
  Stepper* const steppers[] = {&stepper};
  CAUSEWAY_ASSIGN(auto thread,
                  WorkerThread::start(fmt::format("worker-{}", worker),
                                      topology_, plan_.pus[worker], steppers));
  threads_.push_back(std::move(thread));
  return {};
}

void MoverWorkers::join() {
  for (auto& thread : threads_) thread->stop();
  for (auto& thread : threads_) thread->join();
  threads_.clear();
}

}  // namespace causeway

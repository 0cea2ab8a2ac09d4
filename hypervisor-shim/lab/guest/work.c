/* The workloads: which block is written next, and when. */
#include "hypervisor-shim/lab/guest/program.h"

#define NS_PER_S 1000000000ull

/* What a slow guest may catch up: 10 ms of its rate, so that a pause does not
 * make it write in a burst. */
#define CREDIT_NS_MAX 10000000ull
#define FLUSH_INTERVAL_NS (10 * NS_PER_S)
#define RATE_MAX UINT64_MAX

static uint64_t next_random(Vcpu* v, uint64_t below) {
  v->random += 0x9e3779b97f4a7c15ull;
  return (uint64_t)(((unsigned __int128)mix64(v->random) * below) >> 64);
}

void work_begin(Vcpu* v) {
  v->phase = PHASE_WORK;
  v->cursor = 0;
  v->credit = 0;
  v->credited_at_ns = v->now_ns;
  v->flushed_at_ns = v->now_ns;
}

/* Blocks that may be written now. */
static uint64_t allowance(Vcpu* v) {
  const uint64_t rate = v->params->rate_bytes_per_s;
  if (rate == RATE_MAX) return GUEST_BLOCKS_PER_STEP;
  uint64_t elapsed_ns = v->now_ns - v->credited_at_ns;
  if (elapsed_ns > CREDIT_NS_MAX) elapsed_ns = CREDIT_NS_MAX;
  v->credited_at_ns = v->now_ns;
  v->credit += elapsed_ns * rate;
  const uint64_t block_credit = GUEST_BLOCK_BYTES * NS_PER_S;
  uint64_t credit_max = CREDIT_NS_MAX * rate;
  if (credit_max < block_credit) credit_max = block_credit;
  if (v->credit > credit_max) v->credit = credit_max;
  const uint64_t blocks = v->credit / block_credit;
  return blocks < GUEST_BLOCKS_PER_STEP ? blocks : GUEST_BLOCKS_PER_STEP;
}

static void spend(Vcpu* v, uint64_t blocks) {
  if (v->params->rate_bytes_per_s == RATE_MAX) return;
  v->credit -= blocks * GUEST_BLOCK_BYTES * NS_PER_S;
}

static uint64_t pick(Vcpu* v, const Table* table) {
  uint64_t blocks = table->blocks;
  switch (v->params->workload) {
    case GUEST_WORKLOAD_SEQUENTIAL:
      if (v->cursor >= blocks) v->cursor = 0;
      return v->cursor++;
    case GUEST_WORKLOAD_HOTSET:
      blocks =
          (uint64_t)(((unsigned __int128)blocks * v->params->hot_q32) >> 32);
      return next_random(v, blocks ? blocks : 1);
    default:
      return next_random(v, blocks);
  }
}

/* The version after the present one; a zero block becomes an ordinary one. */
static uint32_t raise_version(const Table* table, uint64_t index) {
  const uint32_t version =
      (versions_get(table, index) & ~GUEST_VERSION_ZERO) + 1;
  versions_set(table, index, version);
  return version;
}

static void write_ram(Vcpu* v) {
  const uint64_t index = pick(v, &v->ram);
  const uint64_t block = v->ram.first + index;
  block_write(at_gpa(block * GUEST_BLOCK_BYTES), v->params, GUEST_REGION_RAM,
              block, raise_version(&v->ram, index), v->steps);
  v->page->ram_writes += 1;
}

/* 0 when no slot is free or the block is being written just now: two writes
 * of one block in flight could land in either order. */
static int write_disk(Vcpu* v) {
  const int slot = disk_free_slot(v);
  if (slot < 0) return 0;
  const uint64_t index = pick(v, &v->disk);
  const uint64_t block = v->disk.first + index;
  if (disk_in_flight(v, block)) return 0;
  block_write(disk_buffer(v, slot), v->params, GUEST_REGION_DISK, block,
              raise_version(&v->disk, index), v->steps);
  disk_submit(v, slot, GUEST_DISK_WRITE, block, 1);
  v->page->disk_writes += 1;
  return 1;
}

static int write_one(Vcpu* v) {
  switch (v->params->workload) {
    case GUEST_WORKLOAD_DISK:
      return write_disk(v);
    case GUEST_WORKLOAD_MIXED:
      v->disk_turn ^= 1;
      if (v->disk_turn && v->disk.blocks) return write_disk(v);
      break;
    default:
      break;
  }
  if (v->ram.blocks == 0) return 0;
  write_ram(v);
  return 1;
}

static void maybe_flush(Vcpu* v) {
  if (v->disk.blocks == 0) return;
  if (v->now_ns - v->flushed_at_ns < FLUSH_INTERVAL_NS) return;
  const int slot = disk_free_slot(v);
  if (slot < 0) return;
  v->flushed_at_ns = v->now_ns;
  disk_submit(v, slot, GUEST_DISK_FLUSH, 0, 0);
}

uint32_t work_step(Vcpu* v) {
  if (v->params->workload == GUEST_WORKLOAD_IDLE) return GUEST_IDLE_HALT_US;
  maybe_flush(v);
  const uint64_t allowed = allowance(v);
  uint64_t written = 0;
  /* A look after each: blocks whose pages fault take long, and the guest would
   * count the step in which it was stopped as blackout. */
  while (written < allowed && write_one(v)) {
    ++written;
    note_time(v);
  }
  spend(v, written);
  if (allowed == 0) return GUEST_PACED_HALT_US;
  if (written == 0 && v->busy) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
  return 0;
}

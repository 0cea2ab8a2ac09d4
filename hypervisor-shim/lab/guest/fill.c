/* The fill: every block of the slice is written once, as version 1. */
#include "hypervisor-shim/lab/guest/program.h"

static void fill_block(Vcpu* v, const Table* table, uint64_t index,
                       uint64_t* words) {
  const uint64_t block = table->first + index;
  const uint64_t dice =
      mix64(v->params->seed + 7 * block + table->region) >> 32;
  if (dice < v->params->zero_q32) {
    block_zero(words);
    versions_set(table, index, 1 | GUEST_VERSION_ZERO);
  } else {
    block_write(words, v->params, table->region, block, 1, v->steps);
    versions_set(table, index, 1);
  }
}

static uint32_t fill_ram(Vcpu* v) {
  for (uint32_t i = 0; i < GUEST_BLOCKS_PER_STEP; ++i) {
    if (v->cursor == v->ram.blocks) {
      v->phase = PHASE_FILL_DISK;
      v->cursor = 0;
      return 0;
    }
    fill_block(v, &v->ram, v->cursor,
               at_gpa((v->ram.first + v->cursor) * GUEST_BLOCK_BYTES));
    v->page->ram_writes += 1;
    v->cursor += 1;
  }
  return 0;
}

static uint32_t filled(Vcpu* v) {
  if (v->busy) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
  v->page->max_gap_ns = 0;
  v->page->filled = 1;
  port_out(GUEST_PORT_NOTIFY, GUEST_NOTICE_FILLED);
  work_begin(v);
  return 0;
}

static uint32_t fill_disk(Vcpu* v) {
  if (v->cursor == v->disk.blocks) return filled(v);
  const int slot = disk_free_slot(v);
  if (slot < 0) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
  const uint64_t left = v->disk.blocks - v->cursor;
  const uint32_t blocks =
      left < GUEST_BLOCKS_PER_SLOT ? (uint32_t)left : GUEST_BLOCKS_PER_SLOT;
  uint64_t* words = disk_buffer(v, slot);
  for (uint32_t i = 0; i < blocks; ++i) {
    fill_block(v, &v->disk, v->cursor + i, words + i * GUEST_WORDS_PER_BLOCK);
  }
  disk_submit(v, slot, GUEST_DISK_WRITE, v->disk.first + v->cursor, blocks);
  v->page->disk_writes += blocks;
  v->cursor += blocks;
  return 0;
}

uint32_t fill_step(Vcpu* v) {
  return v->phase == PHASE_FILL_RAM ? fill_ram(v) : fill_disk(v);
}

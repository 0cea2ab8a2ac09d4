/* The check: every block of the slice against the version table, the table
 * against its sums, the sums against the count of writes. */
#include "hypervisor-shim/lab/guest/program.h"

void check_begin(Vcpu* v, uint32_t sequence) {
  if (v->phase < PHASE_CHECK_DRAIN) {
    v->phase_before_check = v->phase;
    v->cursor_before_check = v->cursor;
  }
  v->check = (GuestCheck){.sequence = sequence};
  v->phase = PHASE_CHECK_DRAIN;
}

void check_fault(Vcpu* v, enum GuestFault fault, uint32_t region,
                 uint64_t block) {
  v->check.errors += 1;
  if (v->check.fault != GUEST_FAULT_NONE) return;
  v->check.fault = fault;
  v->check.fault_region = region;
  v->check.fault_block = block;
}

static void check_block(Vcpu* v, const Table* table, uint64_t index,
                        const uint64_t* words) {
  const uint64_t block = table->first + index;
  const uint32_t version = versions_get(table, index);
  if (version == 0) return; /* not filled yet */
  v->checked_versions += version & ~GUEST_VERSION_ZERO;
  const enum GuestFault fault =
      block_fault(words, table->region, block, version, &v->check);
  if (fault != GUEST_FAULT_NONE) check_fault(v, fault, table->region, block);
}

static void check_table_page(Vcpu* v, const Table* table, uint64_t index) {
  if (index % GUEST_VERSIONS_PER_PAGE != 0) return;
  const uint64_t page = index / GUEST_VERSIONS_PER_PAGE;
  if (versions_page_sound(table, page)) return;
  const uint64_t gpa = (uint64_t)&table->pages[page] - GUEST_VIRTUAL_BASE;
  check_fault(v, GUEST_FAULT_TABLE, GUEST_REGION_RAM, gpa / GUEST_BLOCK_BYTES);
}

/* Each block's version is the number of times it was written. */
static void check_count(Vcpu* v, uint32_t region, uint64_t writes) {
  if (v->checked_versions == writes) return;
  if (v->check.fault == GUEST_FAULT_NONE) {
    v->check.expected = writes;
    v->check.found = v->checked_versions;
  }
  check_fault(v, GUEST_FAULT_COUNT, region, 0);
}

static void check_ram(Vcpu* v) {
  for (uint32_t i = 0; i < GUEST_BLOCKS_PER_STEP; ++i) {
    if (v->cursor == v->ram.blocks) {
      check_count(v, GUEST_REGION_RAM, v->page->ram_writes);
      v->phase = PHASE_CHECK_DISK;
      v->cursor = 0;
      v->checked_versions = 0;
      return;
    }
    check_table_page(v, &v->ram, v->cursor);
    check_block(v, &v->ram, v->cursor,
                at_gpa((v->ram.first + v->cursor) * GUEST_BLOCK_BYTES));
    v->check.pages += 1;
    v->cursor += 1;
  }
}

static void check_finish(Vcpu* v) {
  check_count(v, GUEST_REGION_DISK, v->page->disk_writes);
  if (v->page->broken) {
    check_fault(v, (enum GuestFault)v->page->broken, GUEST_REGION_RAM, 0);
  }
  const uint32_t sequence = v->check.sequence;
  v->check.sequence = 0;
  v->page->check = v->check;
  __atomic_store_n(&v->page->check.sequence, sequence, __ATOMIC_RELEASE);
  v->phase = v->phase_before_check;
  v->cursor = v->cursor_before_check;
  port_out(GUEST_PORT_NOTIFY, GUEST_NOTICE_CHECKED);
}

static uint32_t check_disk(Vcpu* v) {
  const int slot = disk_free_slot(v);
  if (v->cursor == v->disk.blocks) {
    if (v->busy) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
    check_finish(v);
    return 0;
  }
  if (slot < 0) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
  const uint64_t left = v->disk.blocks - v->cursor;
  const uint32_t blocks =
      left < GUEST_BLOCKS_PER_SLOT ? (uint32_t)left : GUEST_BLOCKS_PER_SLOT;
  for (uint32_t i = 0; i < blocks; ++i) {
    check_table_page(v, &v->disk, v->cursor + i);
  }
  disk_submit(v, slot, GUEST_DISK_READ, v->disk.first + v->cursor, blocks);
  v->cursor += blocks;
  return 0;
}

/* A read of the check has arrived. */
void check_disk_blocks(Vcpu* v, int slot) {
  const uint64_t* words = disk_buffer(v, slot);
  const Slot* done = &v->slots[slot];
  if (v->phase != PHASE_CHECK_DISK) return; /* of a check begun anew */
  for (uint32_t i = 0; i < done->blocks; ++i) {
    check_block(v, &v->disk, done->block - v->disk.first + i,
                words + i * GUEST_WORDS_PER_BLOCK);
    v->check.disk_blocks += 1;
  }
}

uint32_t check_step(Vcpu* v) {
  switch (v->phase) {
    case PHASE_CHECK_DRAIN:
      if (v->busy) return GUEST_IDLE_HALT_US | GUEST_HALT_FOR_DISK;
      v->phase = PHASE_CHECK_RAM;
      v->cursor = 0;
      v->checked_versions = 0;
      return 0;
    case PHASE_CHECK_RAM:
      check_ram(v);
      return 0;
    default:
      return check_disk(v);
  }
}

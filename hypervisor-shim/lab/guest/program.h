/* The lab guest program: one loop a vCPU, no libc, no system calls, ring 3.
 *
 * Every iteration is a step (main.c): it reads the clock, obeys the mailbox,
 * reaps the disk and does a bounded piece of its phase (fill, work, check), so
 * that the step counter and the clock never stand still for long. All state
 * of a vCPU is in its area of guest RAM, on its stack and in its registers. */
#ifndef CAUSEWAY_GUEST_PROGRAM_H_
#define CAUSEWAY_GUEST_PROGRAM_H_

#include "hypervisor-shim/lab/guest_abi.h"

#define GUEST_WORDS_PER_BLOCK (GUEST_BLOCK_BYTES / 8)
#define GUEST_BLOCKS_PER_SLOT (GUEST_DISK_SLOT_BYTES / GUEST_BLOCK_BYTES)

/* Blocks one step handles: some tens of microseconds. */
#define GUEST_BLOCKS_PER_STEP 16u

/* An exit to the VMM may cost 25 us (nested hosts), so sleeping 1 ms at a time
 * keeps a paced guest's overhead near 3 % of a core, 2 ms an idle one's below
 * 2 %. The VMM ends a sleep early where it matters. */
#define GUEST_PACED_HALT_US 1000u
#define GUEST_IDLE_HALT_US 2000u

enum Phase {
  PHASE_FILL_RAM,
  PHASE_FILL_DISK,
  PHASE_WORK,
  PHASE_CHECK_DRAIN, /* until no disk request is in flight */
  PHASE_CHECK_RAM,
  PHASE_CHECK_DISK,
};

/* A version table: of `blocks` blocks from `first` on of a region. */
typedef struct Table {
  GuestVersions* pages;
  uint32_t region;
  uint64_t first;
  uint64_t blocks;
} Table;

typedef struct Slot {
  uint64_t id;
  uint64_t block;
  uint32_t blocks;
  uint32_t operation; /* 0 = free */
} Slot;

typedef struct Vcpu {
  uint32_t index;
  uint32_t phase; /* enum Phase */
  const GuestParams* params;
  GuestCpu* page;
  Table ram;
  Table disk;
  uint64_t steps;
  uint64_t now_ns;
  uint64_t random;

  /* Pacing: bytes * 1e9 that may be written now. */
  uint64_t credit;
  uint64_t credited_at_ns;
  uint64_t cursor; /* of fill, check and the sequential workload */
  uint64_t flushed_at_ns;
  uint32_t disk_turn;

  uint32_t phase_before_check;
  uint64_t cursor_before_check;
  uint64_t checked_versions; /* their sum */
  GuestCheck check;

  Slot slots[GUEST_DISK_SLOTS];
  uint64_t next_id;
  uint32_t busy; /* slots, one bit each */
  uint32_t kick;
} Vcpu;

static inline void* at_gpa(uint64_t gpa) {
  return (void*)(GUEST_VIRTUAL_BASE + gpa);
}

static inline void port_out(uint16_t port, uint32_t value) {
  __asm__ volatile("outl %0, %1" : : "a"(value), "d"(port) : "memory");
}

static inline uint64_t mix64(uint64_t x) {
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ull;
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ull;
  return x ^ (x >> 32);
}

/* main.c: looks at the clock and keeps the gap since the last look. */
void note_time(Vcpu* v);

/* clock.c */
uint64_t clock_ns(uint32_t* epoch);

/* block.c */
void block_write(uint64_t* words, const GuestParams* params, uint32_t region,
                 uint64_t block, uint32_t version, uint64_t step);
void block_zero(uint64_t* words);
/* The fault, with what was expected and found in `check`; or none. */
enum GuestFault block_fault(const uint64_t* words, uint32_t region,
                            uint64_t block, uint32_t version,
                            GuestCheck* check);

/* versions.c: `index` counts from the table's first block. */
void versions_init(const Table* table);
uint32_t versions_get(const Table* table, uint64_t index);
void versions_set(const Table* table, uint64_t index, uint32_t version);
int versions_page_sound(const Table* table, uint64_t page);

/* disk.c */
int disk_free_slot(const Vcpu* v);
void* disk_buffer(const Vcpu* v, int slot);
int disk_in_flight(const Vcpu* v, uint64_t block);
void disk_submit(Vcpu* v, int slot, uint32_t operation, uint64_t block,
                 uint32_t blocks);
void disk_kick(Vcpu* v);
void disk_reap(Vcpu* v);

/* fill.c, work.c, check.c: one step of a phase. They return for how many
 * microseconds there is nothing to do (GUEST_PORT_HALT's value; 0 = go on). */
uint32_t fill_step(Vcpu* v);
uint32_t work_step(Vcpu* v);
void work_begin(Vcpu* v);
void check_begin(Vcpu* v, uint32_t sequence);
uint32_t check_step(Vcpu* v);
void check_disk_blocks(Vcpu* v, int slot);
void check_fault(Vcpu* v, enum GuestFault fault, uint32_t region,
                 uint64_t block);

#endif /* CAUSEWAY_GUEST_PROGRAM_H_ */

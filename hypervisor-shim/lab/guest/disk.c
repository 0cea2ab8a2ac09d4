#include "hypervisor-shim/lab/guest/program.h"

static GuestDiskRequest* request_of(const Vcpu* v, int slot) {
  const uint64_t area = GUEST_CPU_GPA + v->index * GUEST_CPU_AREA_BYTES;
  GuestDiskRequest* requests = at_gpa(area + GUEST_CPU_REQUESTS_OFFSET);
  return &requests[slot];
}

static const GuestDiskCompletion* completion_of(const Vcpu* v, int slot) {
  const uint64_t area = GUEST_CPU_GPA + v->index * GUEST_CPU_AREA_BYTES;
  const GuestDiskCompletion* all = at_gpa(area + GUEST_CPU_COMPLETIONS_OFFSET);
  return &all[slot];
}

static uint64_t buffer_gpa(const Vcpu* v, int slot) {
  return GUEST_DISK_BUFFERS_GPA + v->index * GUEST_DISK_BUFFERS_BYTES +
         (uint64_t)slot * GUEST_DISK_SLOT_BYTES;
}

int disk_free_slot(const Vcpu* v) {
  const uint32_t free = ~v->busy & ((1u << GUEST_DISK_SLOTS) - 1);
  return free ? __builtin_ctz(free) : -1;
}

void* disk_buffer(const Vcpu* v, int slot) {
  return at_gpa(buffer_gpa(v, slot));
}

int disk_in_flight(const Vcpu* v, uint64_t block) {
  for (uint32_t i = 0; i < GUEST_DISK_SLOTS; ++i) {
    const Slot* slot = &v->slots[i];
    if (slot->operation && block >= slot->block &&
        block - slot->block < slot->blocks) {
      return 1;
    }
  }
  return 0;
}

void disk_submit(Vcpu* v, int slot, uint32_t operation, uint64_t block,
                 uint32_t blocks) {
  GuestDiskRequest* request = request_of(v, slot);
  request->operation = operation;
  request->blocks = blocks;
  request->block = block;
  request->buffer_gpa = buffer_gpa(v, slot);
  request->id = ++v->next_id;
  v->slots[slot] = (Slot){v->next_id, block, blocks, operation};
  v->busy |= 1u << slot;
  v->kick |= 1u << slot;
}

void disk_kick(Vcpu* v) {
  const uint32_t kick = v->kick;
  v->kick = 0;
  if (kick) port_out(GUEST_PORT_DISK, kick);
}

static void complete(Vcpu* v, int slot, uint32_t errno_value) {
  if (errno_value != 0) {
    v->page->disk_errors += 1;
    if (v->slots[slot].operation == GUEST_DISK_READ) {
      check_fault(v, GUEST_FAULT_DISK_READ, GUEST_REGION_DISK,
                  v->slots[slot].block);
    }
  } else if (v->slots[slot].operation == GUEST_DISK_READ) {
    check_disk_blocks(v, slot);
  }
  v->slots[slot].operation = 0;
  v->busy &= ~(1u << slot);
}

void disk_reap(Vcpu* v) {
  for (uint32_t left = v->busy & ~v->kick; left; left &= left - 1) {
    const int slot = __builtin_ctz(left);
    const GuestDiskCompletion* done = completion_of(v, slot);
    if (__atomic_load_n(&done->id, __ATOMIC_ACQUIRE) == v->slots[slot].id) {
      complete(v, slot, done->errno_value);
    }
  }
}

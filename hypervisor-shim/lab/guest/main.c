#include "hypervisor-shim/lab/guest/program.h"

_Static_assert(GUEST_VIRTUAL_BASE + GUEST_CPU_GPA == 0x10000020000ull &&
                   GUEST_CPU_AREA_BYTES == 1u << 16,
               "start.S has these");
_Static_assert(sizeof(Vcpu) < 16384, "it lives on the stack");

void* memcpy(void* to, const void* from, uint64_t bytes) {
  void* const result = to;
  __asm__ volatile("rep movsb"
                   : "+D"(to), "+S"(from), "+c"(bytes)
                   :
                   : "memory");
  return result;
}

void* memset(void* to, int byte, uint64_t bytes) {
  void* const result = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
  return result;
}

/* Two more copies of the step counter, in XMM15 and, inverted, in the upper
 * half of YMM15. The program is compiled without vector code, so they stay:
 * a move that loses the FPU state is noticed by the next step. */
static void keep_in_registers(uint64_t steps, uint32_t has_avx) {
  __asm__ volatile("movq %0, %%xmm15" : : "r"(steps));
  if (has_avx) {
    __asm__ volatile(
        "vmovq %0, %%xmm14\n\t"
        "vinsertf128 $1, %%xmm14, %%ymm15, %%ymm15"
        :
        : "r"(~steps));
  }
}

static uint64_t kept_low(void) {
  uint64_t value;
  __asm__ volatile("movq %%xmm15, %0" : "=r"(value));
  return value;
}

static uint64_t kept_high(void) {
  uint64_t value;
  __asm__ volatile(
      "vextractf128 $1, %%ymm15, %%xmm14\n\t"
      "vmovq %%xmm14, %0"
      : "=r"(value));
  return value;
}

static int steps_agree(const Vcpu* v) {
  return v->page->steps == v->steps && v->page->steps_check == ~v->steps &&
         kept_low() == v->steps &&
         (!v->params->has_avx || kept_high() == ~v->steps);
}

void note_time(Vcpu* v) {
  GuestCpu* page = v->page;
  uint32_t epoch;
  const uint64_t now_ns = clock_ns(&epoch);
  const uint64_t gap_ns =
      now_ns > page->last_look_ns ? now_ns - page->last_look_ns : 0;
  if (epoch != page->epoch) {
    page->blackout_ns = gap_ns;
    page->epoch = epoch;
  } else if (gap_ns > page->max_gap_ns) {
    page->max_gap_ns = gap_ns;
  }
  page->last_look_ns = now_ns;
  v->now_ns = now_ns;
}

static void step(Vcpu* v) {
  if (!steps_agree(v) && !v->page->broken) {
    v->page->broken = GUEST_FAULT_STEPS;
    port_out(GUEST_PORT_NOTIFY, GUEST_NOTICE_BROKEN);
  }
  note_time(v);
  v->steps += 1;
  v->page->steps = v->steps;
  v->page->steps_check = ~v->steps;
  keep_in_registers(v->steps, v->params->has_avx);
}

static void obey_mailbox(Vcpu* v) {
  const GuestMailbox* box = at_gpa(GUEST_MAILBOX_GPA);
  const uint32_t sequence = __atomic_load_n(&box->sequence, __ATOMIC_ACQUIRE);
  if (sequence == v->page->mailbox_sequence) return;
  v->page->mailbox_sequence = sequence;
  switch (__atomic_load_n(&box->command, __ATOMIC_RELAXED)) {
    case GUEST_COMMAND_CHECK:
      check_begin(v, sequence);
      break;
    case GUEST_COMMAND_DIE:
      if (v->index == 0) __builtin_trap();
      break;
    default:
      break;
  }
}

static uint32_t phase_step(Vcpu* v) {
  if (v->phase <= PHASE_FILL_DISK) return fill_step(v);
  if (v->phase == PHASE_WORK) return work_step(v);
  return check_step(v);
}

static void set_up(Vcpu* v, uint32_t index) {
  const GuestParams* params = at_gpa(GUEST_PARAMS_GPA);
  const GuestSlice* slice = &params->slices[index];
  v->index = index;
  v->params = params;
  v->page = at_gpa(GUEST_CPU_GPA + index * GUEST_CPU_AREA_BYTES);
  v->ram = (Table){at_gpa(slice->ram_table_gpa), GUEST_REGION_RAM,
                   slice->ram_first, slice->ram_blocks};
  v->disk = (Table){at_gpa(slice->disk_table_gpa), GUEST_REGION_DISK,
                    slice->disk_first, slice->disk_blocks};
  v->random = mix64(params->seed + index);
  versions_init(&v->ram);
  versions_init(&v->disk);
  v->page->steps_check = ~0ull;
  v->page->last_look_ns = clock_ns(&v->page->epoch);
  keep_in_registers(0, params->has_avx);
}

void guest_main(uint64_t index);
void guest_main(uint64_t index) {
  Vcpu vcpu;
  memset(&vcpu, 0, sizeof(vcpu));
  set_up(&vcpu, (uint32_t)index);
  for (;;) {
    step(&vcpu);
    obey_mailbox(&vcpu);
    disk_reap(&vcpu);
    const uint32_t halt = phase_step(&vcpu);
    disk_kick(&vcpu);
    if (halt) port_out(GUEST_PORT_HALT, halt);
  }
}

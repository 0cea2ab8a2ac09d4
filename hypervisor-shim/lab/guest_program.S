/* The flat image of the guest program (guest/), as read-only data. */
.section .rodata
.balign 16
.globl causeway_guest_program
.globl causeway_guest_program_end
causeway_guest_program:
  .incbin CAUSEWAY_GUEST_IMAGE
causeway_guest_program_end:
.section .note.GNU-stack, "", @progbits

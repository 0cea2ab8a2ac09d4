/* Compiled as C: the header is usable from a VMM that is not C++. */
#include "hypervisor-shim/embed/causeway_shim.h"

#include <errno.h>
#include <string.h>

int cw_c_abi_refuses_incomplete_ops(void);

/* What cw_shim_create() says of a table without functions. */
int cw_c_abi_refuses_incomplete_ops(void) {
  cw_shim* shim = NULL;
  cw_vmm_ops ops;
  cw_shim_config config;
  memset(&ops, 0, sizeof(ops));
  memset(&config, 0, sizeof(config));
  ops.struct_bytes = sizeof(ops);
  config.struct_bytes = sizeof(config);
  config.socket_path = "unused";
  return cw_shim_create(&config, &ops, NULL, &shim) == -EINVAL && shim == NULL;
}

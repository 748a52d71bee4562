/* SPDX-License-Identifier: GPL-2.0 */
/* What rmcp takes of the kernel that some of the kernel crates have no bindings for. */
#include <linux/kprobes.h>
#include <linux/pci.h>

const size_t rmcp_pci_dev_dev = offsetof(struct pci_dev, dev);

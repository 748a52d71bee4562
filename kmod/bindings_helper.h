/* SPDX-License-Identifier: GPL-2.0 */
/* What rmcp takes of the kernel that not every kernel crate has bindings for, or not the same. */
#include <linux/kprobes.h>
#include <linux/pci.h>

const size_t rmcp_pci_dev_dev = offsetof(struct pci_dev, dev);
/* From 7.3 on inside something without a name. */
const size_t rmcp_kobj_attribute_show = offsetof(struct kobj_attribute, show);

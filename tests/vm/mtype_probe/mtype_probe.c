// SPDX-License-Identifier: GPL-2.0
/*
 * Test only: asks the live amdgpu driver for one page-table entry of each memory type and prints
 * what came out, so that a test can see what rmcp makes of a request for MTYPE_CC.
 *
 * It calls the driver's own gmc_v10_0_get_vm_pte() on a device that the driver has bound, as the
 * driver's page-table code does, with no VM and no buffer: the function looks at neither for a page
 * without a buffer. Everything that depends on the kernel's build is a parameter which the test
 * takes from the running system; nothing is assumed here but the prototype. Loading it does all of
 * its work and then fails with ECANCELED, so there is nothing to unload.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <drm/amdgpu_drm.h>

static char *bdf;
module_param(bdf, charp, 0);
MODULE_PARM_DESC(bdf, "PCI address of the GPU, such as 0000:01:00.0");

static unsigned long ddev_offset;
module_param(ddev_offset, ulong, 0);
MODULE_PARM_DESC(ddev_offset, "offset of ddev in struct amdgpu_device");

static unsigned long get_vm_pte;
module_param(get_vm_pte, ulong, 0);
MODULE_PARM_DESC(get_vm_pte, "address of gmc_v10_0_get_vm_pte, from /proc/kallsyms");

typedef void get_vm_pte_fn(void *adev, void *vm, void *bo, u32 vm_flags, u64 *flags);

static const struct {
	const char *name;
	u32 vm_flags;
} requests[] = {
	{ "DEFAULT", AMDGPU_VM_MTYPE_DEFAULT },
	{ "NC", AMDGPU_VM_MTYPE_NC },
	{ "WC", AMDGPU_VM_MTYPE_WC },
	{ "CC", AMDGPU_VM_MTYPE_CC },
	{ "UC", AMDGPU_VM_MTYPE_UC },
};

/* The memory type of a GFX10 page-table entry, AMDGPU_PTE_MTYPE_NV10 in amdgpu_vm.h. */
static unsigned int pte_mtype(u64 pte)
{
	return (pte >> 48) & 7;
}

static int __init mtype_probe_init(void)
{
	struct device *dev;
	struct drm_device *ddev;
	int i;

	if (!bdf || !get_vm_pte)
		return -EINVAL;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, bdf);
	if (!dev)
		return -ENODEV;

	/* The lock keeps the driver bound while the device is used. */
	device_lock(dev);
	if (!dev->driver || strcmp(dev->driver->name, "amdgpu")) {
		device_unlock(dev);
		put_device(dev);
		return -ENODEV;
	}
	ddev = dev_get_drvdata(dev);
	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		u64 pte = 0;

		((get_vm_pte_fn *)get_vm_pte)((void *)ddev - ddev_offset, NULL, NULL,
					      requests[i].vm_flags, &pte);
		pr_info("mtype_probe: %s -> %u\n", requests[i].name, pte_mtype(pte));
	}
	device_unlock(dev);
	put_device(dev);
	return -ECANCELED;
}
module_init(mtype_probe_init);

MODULE_DESCRIPTION("Asks amdgpu for a page-table entry of each memory type (test only)");
MODULE_LICENSE("GPL");

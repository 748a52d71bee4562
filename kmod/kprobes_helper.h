/* SPDX-License-Identifier: GPL-2.0 */
/* The header that the kernel crate has no bindings for. */
#include <linux/kprobes.h>

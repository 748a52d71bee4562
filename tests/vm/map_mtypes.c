// SPDX-License-Identifier: MIT
/*
 * Maps buffers into GPU virtual memory with every memory type that user space can ask for, has the
 * SDMA engine copy data through all of the mappings, and prints what was mapped where, so that a
 * test can look at the page tables. Then it leaves a process behind that keeps it all until it is
 * killed, and prints that process's ID. Usage: map_mtypes RENDER-NODE
 *
 * Each line of output is a mapping: type, domain, buffer, address, size. A buffer is "ordinary",
 * created with the flag it is named for, if the driver takes that flag from a process (Linux 6.12 does
 * not), or "moved": made in VRAM, mapped, and then moved to GTT, so that the driver wrote its entries
 * twice.
 */
#include <amdgpu.h>
#include <amdgpu_drm.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MIB (1ull << 20)
/* Address space of one mapping: larger than any buffer, a multiple of what one directory entry maps. */
#define SLOT (8 * MIB)
/* One packet can copy no more (sdma_v5_0_buffer_funcs). */
#define LARGE (4 * MIB)
#define SMALL (16 * 1024ull)
#define LARGE_PAGE (2 * MIB)

static const struct {
	const char *name;
	uint64_t flag;
} types[] = {
	{ "DEFAULT", AMDGPU_VM_MTYPE_DEFAULT }, { "NC", AMDGPU_VM_MTYPE_NC },
	{ "WC", AMDGPU_VM_MTYPE_WC },		{ "CC", AMDGPU_VM_MTYPE_CC },
	{ "UC", AMDGPU_VM_MTYPE_UC },		{ "RW", AMDGPU_VM_MTYPE_RW },
};

static const struct {
	const char *name;
	uint64_t flag;
} kinds[] = {
	{ "ordinary", 0 },
	{ "coherent", AMDGPU_GEM_CREATE_COHERENT },
	{ "ext_coherent", AMDGPU_GEM_CREATE_EXT_COHERENT },
	{ "uncached", AMDGPU_GEM_CREATE_UNCACHED },
};

struct buffer {
	amdgpu_bo_handle bo;
	uint64_t size;
	unsigned int kind;
	uint32_t *cpu;
	/* Of the first mapping; that of type t is t slots further on. */
	uint64_t address;
};

static amdgpu_device_handle device;
static amdgpu_context_handle context;
static uint64_t next_address;
static struct buffer all[2 * 2 * COUNT(kinds) + 2 + 1];
static unsigned int made;

static void check(int result, const char *what)
{
	if (!result)
		return;
	fprintf(stderr, "map_mtypes: %s: %s\n", what, strerror(result < 0 ? -result : errno));
	exit(1);
}

static int allocate(uint32_t domain, unsigned int kind, uint64_t size, amdgpu_bo_handle *bo)
{
	struct amdgpu_bo_alloc_request request = {
		.alloc_size = size,
		.phys_alignment = size < LARGE_PAGE ? 0 : LARGE_PAGE,
		.preferred_heap = domain,
		.flags = kinds[kind].flag | AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED,
	};

	return amdgpu_bo_alloc(device, &request, bo);
}

/* Whether the driver takes the flag from a process. */
static int taken(unsigned int kind)
{
	amdgpu_bo_handle bo;
	int result = allocate(AMDGPU_GEM_DOMAIN_GTT, kind, SMALL, &bo);

	if (result == -EINVAL && kinds[kind].flag)
		return 0;
	check(result, "making a buffer");
	amdgpu_bo_free(bo);
	return 1;
}

static struct buffer *make(uint32_t domain, unsigned int kind, uint64_t size)
{
	struct buffer *buffer = &all[made++];
	void *cpu;

	check(allocate(domain, kind, size, &buffer->bo), "making a buffer");
	check(amdgpu_bo_cpu_map(buffer->bo, &cpu), "mapping a buffer for the processor");
	buffer->size = size;
	buffer->kind = kind;
	buffer->cpu = cpu;
	buffer->address = next_address;
	next_address += COUNT(types) * SLOT;
	return buffer;
}

static uint64_t address(const struct buffer *buffer, unsigned int type)
{
	return buffer->address + type * SLOT;
}

static void map(const struct buffer *buffer, unsigned int type)
{
	const uint64_t access = AMDGPU_VM_PAGE_READABLE | AMDGPU_VM_PAGE_WRITEABLE |
				AMDGPU_VM_PAGE_EXECUTABLE;

	check(amdgpu_bo_va_op_raw(device, buffer->bo, 0, buffer->size, address(buffer, type),
				  access | types[type].flag, AMDGPU_VA_OP_MAP),
	      types[type].name);
}

/* Has SDMA run the commands, with all buffers where they belong. */
static void run(const struct buffer *commands, unsigned int count)
{
	amdgpu_bo_handle bos[COUNT(all)];
	struct amdgpu_cs_ib_info ib = { .ib_mc_address = commands->address, .size = count };
	struct amdgpu_cs_request request = { .ip_type = AMDGPU_HW_IP_DMA,
					     .number_of_ibs = 1,
					     .ibs = &ib };
	struct amdgpu_cs_fence fence = { .context = context, .ip_type = AMDGPU_HW_IP_DMA };
	uint32_t expired = 0;

	for (unsigned int i = 0; i < made; i++)
		bos[i] = all[i].bo;
	check(amdgpu_bo_list_create(device, made, bos, NULL, &request.resources),
	      "listing the buffers");
	check(amdgpu_cs_submit(context, 0, &request, 1), "submitting a job");
	fence.fence = request.seq_no;
	check(amdgpu_cs_query_fence_status(&fence, AMDGPU_TIMEOUT_INFINITE, 0, &expired),
	      "waiting for a job");
	amdgpu_bo_list_destroy(request.resources);
}

/* SDMA: COPY, sub-operation linear. */
static unsigned int copy(uint32_t *at, uint64_t from, uint64_t to, uint64_t size)
{
	at[0] = 1;
	at[1] = size - 1;
	at[2] = 0;
	at[3] = from;
	at[4] = from >> 32;
	at[5] = to;
	at[6] = to >> 32;
	return 7;
}

static uint32_t pattern(unsigned int type, uint64_t i)
{
	return (i + 1) * 2654435761u + type;
}

static void expect(const struct buffer *buffer, unsigned int type)
{
	for (uint64_t i = 0; i < buffer->size / 4; i++) {
		if (buffer->cpu[i] == pattern(type, i))
			continue;
		fprintf(stderr, "map_mtypes: through %s, dword %#llx is %#x, expected was %#x\n",
			types[type].name, (unsigned long long)i, buffer->cpu[i],
			pattern(type, i));
		exit(1);
	}
}

/* Copies from GTT to VRAM, each through its mapping of this type, and looks at every byte. */
static void copy_all(const struct buffer *commands, struct buffer *(*pairs)[2], unsigned int count,
		     unsigned int type)
{
	unsigned int dwords = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct buffer *from = pairs[i][0], *to = pairs[i][1];

		for (uint64_t j = 0; j < from->size / 4; j++)
			from->cpu[j] = pattern(type, j);
		memset(to->cpu, 0, to->size);
		dwords += copy(commands->cpu + dwords, address(from, type), address(to, type),
			       from->size);
	}
	/* The engine fetches eight dwords at a time; 0 is a NOP. */
	while (dwords % 8)
		commands->cpu[dwords++] = 0;
	run(commands, dwords);
	for (unsigned int i = 0; i < count; i++)
		expect(pairs[i][1], type);
}

static void print(const struct buffer *buffer, const char *domain, const char *kind)
{
	for (unsigned int type = 0; type < COUNT(types); type++)
		printf("%s %s %s %#llx %#llx\n", types[type].name, domain, kind,
		       (unsigned long long)address(buffer, type),
		       (unsigned long long)buffer->size);
}

static void open_device(const char *node)
{
	uint32_t major, minor;
	int fd = open(node, O_RDWR | O_CLOEXEC);

	check(fd < 0, node);
	check(amdgpu_device_initialize(fd, &major, &minor, &device), "amdgpu_device_initialize");
	/* libdrm has a descriptor of its own. */
	close(fd);
	check(amdgpu_cs_ctx_create(device, &context), "making a context");
}

int main(int argc, char **argv)
{
	const uint64_t sizes[] = { SMALL, LARGE };
	struct buffer *pairs[COUNT(sizes) * COUNT(kinds)][2];
	struct buffer *commands, *moved;
	struct drm_amdgpu_gem_op move = { .op = AMDGPU_GEM_OP_SET_PLACEMENT,
					  .value = AMDGPU_GEM_DOMAIN_GTT };
	amdgpu_va_handle range;
	unsigned int count = 0;
	pid_t keeper;

	if (argc != 2) {
		fprintf(stderr, "usage: map_mtypes RENDER-NODE\n");
		return 2;
	}
	open_device(argv[1]);
	check(amdgpu_va_range_alloc(device, amdgpu_gpu_va_range_general,
				    COUNT(all) * COUNT(types) * SLOT, SLOT, 0, &next_address, &range,
				    0),
	      "finding address space");

	commands = make(AMDGPU_GEM_DOMAIN_GTT, 0, SMALL);
	map(commands, 0);
	for (unsigned int size = 0; size < COUNT(sizes); size++) {
		for (unsigned int kind = 0; kind < COUNT(kinds); kind++) {
			if (!taken(kind))
				continue;
			pairs[count][0] = make(AMDGPU_GEM_DOMAIN_GTT, kind, sizes[size]);
			pairs[count++][1] = make(AMDGPU_GEM_DOMAIN_VRAM, kind, sizes[size]);
		}
	}
	moved = make(AMDGPU_GEM_DOMAIN_VRAM, 0, SMALL);
	for (unsigned int type = 0; type < COUNT(types); type++) {
		for (unsigned int i = 0; i < count; i++) {
			map(pairs[i][0], type);
			map(pairs[i][1], type);
		}
		map(moved, type);
		copy_all(commands, pairs, count, type);
	}

	/* The next job finds it where it is wanted: it has moved. */
	check(amdgpu_bo_export(moved->bo, amdgpu_bo_handle_type_kms, &move.handle), "naming a buffer");
	check(ioctl(amdgpu_device_get_fd(device), DRM_IOCTL_AMDGPU_GEM_OP, &move), "moving a buffer");
	for (unsigned int type = 0; type < COUNT(types); type++) {
		struct buffer *pair[1][2] = { { pairs[0][0], moved } };

		copy_all(commands, pair, 1, type);
	}

	for (unsigned int i = 0; i < count; i++) {
		print(pairs[i][0], "GTT", kinds[pairs[i][0]->kind].name);
		print(pairs[i][1], "VRAM", kinds[pairs[i][1]->kind].name);
	}
	print(moved, "GTT", "moved");
	fflush(stdout);
	keeper = fork();
	check(keeper < 0, "fork");
	if (keeper) {
		printf("pid %d\n", keeper);
		return 0;
	}
	/* Whoever reads the output is not to wait for this process. */
	freopen("/dev/null", "w", stdout);
	freopen("/dev/null", "w", stderr);
	pause();
	return 0;
}

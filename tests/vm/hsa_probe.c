// SPDX-License-Identifier: MIT
/*
 * Test only: what an HSA program does, on the GPU that the ROCm runtime finds.
 *
 *   memory             gets memory of every kind, has the GPU copy to it and back, prints
 *                      "KIND ADDRESS SIZE" for each, then "ready", and waits to be ended
 *   queue              makes a queue, has it execute a barrier, and destroys it
 *   fault copy         has the GPU copy from where nothing is mapped
 *   fault not-present  has a queue read where nothing is mapped
 *   fault read-only    has a queue write to memory that the GPU may only read
 *
 * A queue accesses memory through the signals that a barrier packet names: the packet processor
 * reads those it waits for, and writes the one it completes. Copies are the SDMA engine's. No shader
 * runs.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

enum { SIZE = 64 << 10, QUEUE_PACKETS = 64, PATIENCE_S = 30 };

static hsa_agent_t gpu, cpu;

static void check(hsa_status_t status, const char *what)
{
	const char *why = "?";

	if (status == HSA_STATUS_SUCCESS)
		return;
	hsa_status_string(status, &why);
	errx(1, "%s: %s", what, why);
}

static hsa_status_t take_agent(hsa_agent_t agent, void *unused)
{
	hsa_device_type_t type;

	(void)unused;
	check(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type), "an agent's type");
	*(type == HSA_DEVICE_TYPE_GPU ? &gpu : &cpu) = agent;
	return HSA_STATUS_SUCCESS;
}

static void *host_memory(void)
{
	void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

/* Host memory that the GPU may use at the address it has. */
static void *locked_memory(void)
{
	void *memory = host_memory(), *locked;

	check(hsa_amd_memory_lock(memory, SIZE, &gpu, 1, &locked), "locked memory");
	if (locked != memory)
		errx(1, "the GPU has memory at %p that is at %p", locked, memory);
	return memory;
}

/* Waits until a signal that began with 1 is 0. */
static void wait_for(hsa_signal_t signal)
{
	hsa_signal_value_t value;
	uint64_t frequency;

	check(hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY, &frequency), "the clock");
	value = hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1,
					  PATIENCE_S * frequency, HSA_WAIT_STATE_BLOCKED);
	if (value != 0)
		errx(1, "the signal is %ld, expected was 0", value);
	check(hsa_signal_destroy(signal), "a signal's end");
}

static void copy(void *to, const void *from)
{
	hsa_signal_t done;

	check(hsa_signal_create(1, 0, NULL, &done), "a signal");
	check(hsa_amd_memory_async_copy(to, gpu, from, cpu, SIZE, 0, NULL, done), "a copy");
	wait_for(done);
}

/* Prints where memory is, once it was seen to hold what the GPU copies there. */
static void print_memory(const char *owner, const char *kind, void *address)
{
	static uint32_t *there, *back;
	static uint32_t next;
	size_t i;

	if (!there) {
		there = locked_memory();
		back = locked_memory();
	}
	for (i = 0; i < SIZE / sizeof(*there); i++)
		there[i] = next++;
	copy(address, there);
	copy(back, address);
	if (memcmp(there, back, SIZE))
		errx(1, "%s%s does not hold what was copied to it", owner, kind);
	printf("%s%s %p %d\n", owner, kind, address, SIZE);
}

static hsa_status_t allocate(hsa_amd_memory_pool_t pool, void *is_gpu)
{
	hsa_amd_segment_t segment;
	uint32_t flags;
	bool allocatable;
	const char *kind;
	void *memory;

	check(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment),
	      "a pool's segment");
	check(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED,
					   &allocatable),
	      "whether a pool gives memory");
	if (segment != HSA_AMD_SEGMENT_GLOBAL || !allocatable)
		return HSA_STATUS_SUCCESS;
	check(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_GLOBAL_FLAGS, &flags),
	      "a pool's flags");
	if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_KERNARG_INIT)
		kind = "kernarg";
	else if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_EXTENDED_SCOPE_FINE_GRAINED)
		kind = "extended-fine";
	else if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_FINE_GRAINED)
		kind = "fine";
	else if (flags & HSA_AMD_MEMORY_POOL_GLOBAL_FLAG_COARSE_GRAINED)
		kind = "coarse";
	else
		errx(1, "a pool has the flags %#x", flags);
	check(hsa_amd_memory_pool_allocate(pool, SIZE, 0, &memory), "memory of a pool");
	check(hsa_amd_agents_allow_access(1, &gpu, NULL, memory), "the GPU's access");
	print_memory(is_gpu ? "gpu-" : "cpu-", kind, memory);
	return HSA_STATUS_SUCCESS;
}

/* Host memory that the GPU shares by its address, with one more attribute than that. */
static void *shared_memory(hsa_amd_svm_attribute_t attribute, uint64_t value)
{
	void *memory = host_memory();
	hsa_amd_svm_attribute_pair_t attributes[] = {
		{ HSA_AMD_SVM_ATTRIB_AGENT_ACCESSIBLE_IN_PLACE, gpu.handle },
		{ attribute, value },
	};

	check(hsa_amd_svm_attributes_set(memory, SIZE, attributes, 2), "shared virtual memory");
	return memory;
}

static void memory(void)
{
	check(hsa_amd_agent_iterate_memory_pools(cpu, allocate, NULL), "the CPU's pools");
	check(hsa_amd_agent_iterate_memory_pools(gpu, allocate, &gpu), "the GPU's pools");
	print_memory("", "locked", locked_memory());
	print_memory("", "svm", shared_memory(HSA_AMD_SVM_ATTRIB_READ_ONLY, false));
	print_memory("", "svm-coarse",
		     shared_memory(HSA_AMD_SVM_ATTRIB_GLOBAL_FLAG,
				   HSA_AMD_SVM_GLOBAL_FLAG_COARSE_GRAINED));
	puts("ready");
	fflush(stdout);
	pause();
}

static hsa_queue_t *make_queue(void)
{
	hsa_queue_t *queue;

	check(hsa_queue_create(gpu, QUEUE_PACKETS, HSA_QUEUE_TYPE_SINGLE, NULL, NULL, UINT32_MAX,
			       UINT32_MAX, &queue),
	      "a queue");
	return queue;
}

static void submit_barrier(hsa_queue_t *queue, hsa_signal_t waits_for, hsa_signal_t completes)
{
	uint64_t index = hsa_queue_add_write_index_relaxed(queue, 1);
	hsa_barrier_and_packet_t *packet =
		(hsa_barrier_and_packet_t *)queue->base_address + index % queue->size;
	uint16_t header = HSA_PACKET_TYPE_BARRIER_AND << HSA_PACKET_HEADER_TYPE |
			  HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_ACQUIRE_FENCE_SCOPE |
			  HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_RELEASE_FENCE_SCOPE;

	packet->dep_signal[0] = waits_for;
	packet->completion_signal = completes;
	__atomic_store_n(&packet->header, header, __ATOMIC_RELEASE);
	hsa_signal_store_screlease(queue->doorbell_signal, index);
}

static void queue(void)
{
	hsa_queue_t *queue = make_queue();
	hsa_signal_t signal, none = { 0 };

	printf("created\n");
	check(hsa_signal_create(1, 0, NULL, &signal), "a signal");
	submit_barrier(queue, none, signal);
	wait_for(signal);
	if (hsa_queue_load_read_index_scacquire(queue) != 1)
		errx(1, "the queue has not read its packet");
	printf("barrier executed\n");
	check(hsa_queue_destroy(queue), "the queue's end");
	printf("destroyed\n");
}

static void fault(const char *kind)
{
	bool read_only = !strcmp(kind, "read-only");
	/* Else the process's own, but nobody gave it to the GPU. */
	void *memory = read_only ? shared_memory(HSA_AMD_SVM_ATTRIB_READ_ONLY, true) :
				   host_memory();
	hsa_signal_t wrong = { (uintptr_t)memory }, none = { 0 };

	printf("address %p\n", memory);
	fflush(stdout);
	if (!strcmp(kind, "copy"))
		copy(locked_memory(), memory);
	else if (read_only)
		submit_barrier(make_queue(), none, wrong);
	else
		submit_barrier(make_queue(), wrong, none);
	sleep(PATIENCE_S);
	errx(1, "nobody reported the fault");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	check(hsa_init(), "the runtime");
	check(hsa_iterate_agents(take_agent, NULL), "the agents");
	if (!gpu.handle || !cpu.handle)
		errx(1, "there are not both a CPU and a GPU");
	if (!strcmp(what, "memory"))
		memory();
	else if (!strcmp(what, "queue"))
		queue();
	else if (!strcmp(what, "fault") && argc == 3)
		fault(argv[2]);
	else
		errx(2, "usage: hsa_probe memory | queue | fault copy|not-present|read-only");
	return 0;
}

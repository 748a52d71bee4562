// SPDX-License-Identifier: MIT
// Writes a pattern into memory with a kernel and with a copy, and reads it back.
#include <hip/hip_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#define CHECK(call)                                                             \
	do {                                                                    \
		hipError_t error = (call);                                      \
		if (error != hipSuccess) {                                      \
			printf("%s: %s\n", #call, hipGetErrorString(error));    \
			exit(1);                                                \
		}                                                               \
	} while (0)

constexpr size_t WORDS = 16 << 20;

__global__ void invert(unsigned *words, size_t count)
{
	size_t at = blockIdx.x * size_t(blockDim.x) + threadIdx.x;

	if (at < count)
		words[at] = ~words[at];
}

int main()
{
	std::vector<unsigned> words(WORDS);
	unsigned *device;
	int gpus;

	CHECK(hipGetDeviceCount(&gpus));
	for (int gpu = 0; gpu < gpus; gpu++) {
		for (size_t at = 0; at < WORDS; at++)
			words[at] = unsigned(at) * 2654435761u;
		CHECK(hipSetDevice(gpu));
		CHECK(hipMalloc(&device, WORDS * sizeof(unsigned)));
		CHECK(hipMemcpy(device, words.data(), WORDS * sizeof(unsigned), hipMemcpyHostToDevice));
		invert<<<(WORDS + 255) / 256, 256>>>(device, WORDS);
		CHECK(hipGetLastError());
		CHECK(hipMemcpy(words.data(), device, WORDS * sizeof(unsigned), hipMemcpyDeviceToHost));
		CHECK(hipFree(device));
		for (size_t at = 0; at < WORDS; at++) {
			if (words[at] != ~(unsigned(at) * 2654435761u)) {
				printf("GPU %d: word %zu is %#x\n", gpu, at, words[at]);
				return 1;
			}
		}
	}
	printf("64 MiB written, inverted and read back on %d GPUs\n", gpus);
	return gpus == 0;
}

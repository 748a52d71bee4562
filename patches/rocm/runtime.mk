# SPDX-License-Identifier: MIT
# Makes the runtime from patched sources, with the thunk in it: without images, and without the code for
# GPUs that the runtime brings. RUNTIME, THUNK and HEADERS are directories.
thunk := $(patsubst %.c,%.o,$(wildcard $(THUNK)/src/*.c))
listed := $(shell sed -n '/^set *( *SRCS/,/)/p' $(RUNTIME)/CMakeLists.txt | grep -o '[a-z_/]*\.cpp')
runtime := $(patsubst %.cpp,$(RUNTIME)/%.o,$(listed))
CC := clang
CXX := clang++
CFLAGS := -O1 -fPIC -w -I$(THUNK)/include -I$(HEADERS) -I/usr/include/libdrm
CXXFLAGS := $(CFLAGS) -std=c++17 -mmwaitx -fms-extensions -fno-rtti -fvisibility=hidden \
    -fno-threadsafe-statics -fno-strict-aliasing -D__linux__ -DHSA_LARGE_MODEL -DLITTLEENDIAN_CPU=1 \
    -DHSA_EXPORT=1 -DHSA_EXPORT_FINALIZER=1 -DHSA_DEPRECATED= -DHAVE_MEMFD_CREATE -DNDEBUG \
    -DROCR_BUILD_ID='"rmcp"' -Imade -I$(RUNTIME) -I$(RUNTIME)/inc -I$(RUNTIME)/libamdhsacode

libhsa-runtime64.so.1: $(runtime) $(thunk)
	$(CXX) -shared -Wl,-soname,$@ -Wl,--version-script=$(RUNTIME)/hsacore.so.def \
	    -Wl,$(RUNTIME)/hsacore.so.link -o $@ $^ \
	    -ldrm_amdgpu -ldrm -lelf -l:libnuma.so.1 -ldl -lpthread -lrt
	strip $@

$(runtime): made/amd_blit_shaders_v2.h made/amd_trap_handler_v2.h

made/%.h:
	mkdir -p made
	sh /mnt/rocm/shaders.sh $(RUNTIME) $* >$@

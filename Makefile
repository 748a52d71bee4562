# SPDX-License-Identifier: MIT
# make demo       boot a virtual machine with an emulated GPU, without and with rmcp
# make test       every test: programs, kernel module, virtual machines
# make chips      every chip under the stock driver, without and with rmcp (half an hour)
# make matrix     scenarios on every kernel of tests/vm/kernels.toml: target/matrix/ (hours)
# make corpus     rmcp's reader of layouts against bpftool, on many of Debian's kernels (1.8 GB once)
# make fuzz       hostile BTF, ELF and compressed files: CASES of each of four kinds (2.5 million)
# make bench      how fast the command is, against others on this machine: target/bench/report.json
#                 and on a kernel log of LOG_MIB (1024): target/bench/faults.json
# make reproducers  tests/reproducers with Debian's PyTorch, on the CPU
# make patches    patches/ against the sources that Debian ships of each kernel line and of ROCm, whose
#                 changed files are read by a compiler, not built
# make patches-module  amdgpu of the tested kernel with those patches, into the cache (half an hour)
# make patches-build   ROCr and CLR with those patches, into the cache: to try them, not to use (a few
#                 minutes)
# make life       what is long: scenarios of many rounds, installations killed at every step, a thousand
#                 jobs (over an hour)
# make deb        a Debian package: target/rmcp_1.0_amd64.deb
# make install    on a real machine: the command, then the kernel module through it
# make uninstall  take both away again
#
# GPU=navi10          the emulated GPU of demo and test: one of the chips in tests/vgpu/src/chip/
# CHIPS="navi10 ..."  only these, of make chips and make matrix
# KERNEL=NAME         another kernel of tests/vm/kernels.toml
# KERNELS="7.3.4 ..." only these, of make matrix
# SCENARIOS="reset ..."  only those whose names contain one of these, of make matrix
# OWN_RETRIES=yes     amdgpu is not told to retry faulting accesses, of make demo
# PREFIX=/usr/local   where the command goes, its manual pages and completions

CHIPS ?=
KERNELS ?=
SCENARIOS ?=
OWN_RETRIES ?=
GPU ?= navi10
PREFIX ?= /usr/local
CASES ?= 2500000
DESTDIR ?=
PROGRAM ?= target/release/rmcp-kctl
ZSH_COMPLETIONS ?= $(PREFIX)/share/zsh/site-functions
export KERNEL

vm := tests/vm
# Without GPU=, each scenario takes its own.
gpu := $(if $(filter-out default undefined file,$(origin GPU)),--gpu $(GPU))
kctl := $(DESTDIR)$(PREFIX)/bin/rmcp-kctl
man := $(DESTDIR)$(PREFIX)/share/man/man1
bash := $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rmcp-kctl
zsh := $(DESTDIR)$(ZSH_COMPLETIONS)/_rmcp-kctl
fish := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/rmcp-kctl.fish

.DEFAULT_GOAL := build

build:
	cargo build --release --locked -p rmcp-kctl

demo:
	$(vm)/host.sh
	"$$($(vm)/build.sh)"/rmcp-vm demo --gpu $(GPU) $(if $(OWN_RETRIES),--own-retries)

test: check patches reproducers
	bin=$$($(vm)/build.sh) && $$bin/rmcp-vm lint && $$bin/rmcp-vm corpus --installed && \
		$$bin/rmcp-vm test $(gpu)

chips:
	$(vm)/host.sh
	"$$($(vm)/build.sh)"/rmcp-vm chips $(CHIPS)

matrix:
	$(vm)/host.sh
	"$$($(vm)/build.sh)"/rmcp-vm matrix $(KERNELS:%=--kernels %) $(CHIPS:%=--chips %) $(SCENARIOS)

corpus:
	$(vm)/host.sh
	"$$($(vm)/build.sh)"/rmcp-vm corpus

fuzz:
	$(vm)/host.sh
	PROPTEST_CASES=$(CASES) $(vm)/cargo.sh test --profile fuzz --locked -p rmcp-kctl --lib -- --nocapture fuzz

# What `make test` leaves out, for its length.
life:
	$(vm)/host.sh
	$(vm)/cargo.sh test --locked -p rmcp-kctl --test commands -- --ignored --nocapture
	bin=$$($(vm)/build.sh) && $$bin/rmcp-vm interrupt && $$bin/rmcp-vm test $(gpu) long-

# modinfo is given the amdgpu of the root filesystem: this machine's kernel need not have one.
bench:
	$(vm)/host.sh
	amdgpu=$$(find "$$($(vm)/rootfs.sh)/usr/lib/modules/" -name 'amdgpu.ko*') && \
		AMDGPU=$$amdgpu $(vm)/cargo.sh bench --locked -p rmcp-kctl --bench speed
	$(vm)/cargo.sh bench --locked -p rmcp-kctl --bench faults

# Everything but the virtual machines.
check:
	$(vm)/host.sh
	$(vm)/cargo.sh fmt --check
	$(vm)/cargo.sh clippy --locked --workspace --all-targets -- -D warnings
	$(vm)/cargo.sh test --locked --workspace

reproducers:
	$(vm)/host.sh
	tests/reproducers/check.sh "$$($(vm)/build.sh)/rmcp-kctl"

patches:
	$(vm)/host.sh
	patches/linux/check.sh
	patches/rocm/check.sh

patches-module:
	$(vm)/host.sh
	patches/linux/module.sh

patches-build:
	$(vm)/host.sh
	patches/rocm/build.sh
	patches/rocm/build-clr.sh

# The program of the package is linked statically: one package serves every release of Debian.
deb:
	packaging/deb.sh "$$($(vm)/build.sh -p rmcp-kctl)/rmcp-kctl" target

install: install-files
	$(if $(DESTDIR),,$(kctl) install $(if $(YES),--yes))

# Root need not have cargo: what `make` built is taken.
install-files:
	test -x $(PROGRAM) || $(MAKE) build
	install -D -m 755 $(PROGRAM) $(kctl)
	$(PROGRAM) man --output $(man)
	mkdir -p $(dir $(bash) $(zsh) $(fish))
	$(PROGRAM) completions bash >$(bash)
	$(PROGRAM) completions zsh >$(zsh)
	$(PROGRAM) completions fish >$(fish)

uninstall:
	$(if $(DESTDIR),,if [ -x $(kctl) ]; then $(kctl) uninstall $(if $(YES),--yes); fi)
	rm -f $(kctl) $(man)/rmcp-kctl.1 $(man)/rmcp-kctl-*.1 $(bash) $(zsh) $(fish)

clean:
	rm -rf target

.PHONY: build demo test bench life chips matrix corpus fuzz check reproducers patches patches-module patches-build deb install install-files uninstall clean

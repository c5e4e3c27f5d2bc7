# A short front for Meson and Ninja; `make help` lists what there is.

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?=
FUZZ_RUNS ?= 10000000
FUZZER ?=
TWIN_STEPS ?= 34000
KILLS ?= 1000
LEASES ?= 10000
DEMO_HOST ?= tests/hosts/hygon-8node

RELEASE := build/release
DEV := build/dev
FUZZ := build/fuzz
WEIR := $(RELEASE)/src/cli/weir
NINJA := ninja $(if $(JOBS),-j$(JOBS))

.PHONY: all help demo dev check vm-check guest-check boot-check twin twin-live twin-pins plans kills leases mutation fuzz bench format install clean

all: ## build weir with optimisation, into build/release (the default)
	@tools/setup-build $(RELEASE) release.ini
	@$(NINJA) -C $(RELEASE)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: ## install what the build lacks, build, show this machine, a captured host, and a lease
	@tools/install-deps build
	@$(MAKE) --no-print-directory all
	$(WEIR) status
	$(WEIR) status --host $(DEMO_HOST)
	@tools/demo-warm $(WEIR) $(RELEASE)/src/daemon/weird

dev: ## build with debug checks and tests, into build/dev
	@tools/setup-build $(DEV) dev.ini
	@$(NINJA) -C $(DEV)

check: ## install what the tests lack, run them under sanitizers, count them
	@tools/install-deps build check
	@tools/install-deps guest || echo "make: without guests; what needs them is skipped"
	@$(MAKE) --no-print-directory dev
	@tools/check $(DEV) --no-suite vm

vm-check: ## start VMs of QEMU and libvirt on warm memory, as root; installs both
	@tools/install-deps build check
	@tools/install-deps guest libvirt || echo "make: without QEMU or libvirt; what needs them is skipped"
	@$(MAKE) --no-print-directory dev
	@tools/check $(DEV) --suite vm

guest-check: all ## run the tests that need kernels of their own, in small QEMU guests
	@tools/install-deps guest
	@tests/guest/check $(RELEASE)

boot-check: all ## boot a Debian guest three times: is there what weir persisted?
	@tools/install-deps guest boot || echo "make: without these; skipped unless a disk is cached"
	@tests/guest/boot $(RELEASE)

twin: all ## play TWIN_STEPS random steps on the model and on four kernels, and compare
	@tools/install-deps build check guest
	@$(MAKE) --no-print-directory dev
	@tests/twin/run --build $(DEV) --weir $(RELEASE)/src/cli/weir --vectors
	@tests/twin/run --build $(DEV) --weir $(RELEASE)/src/cli/weir --steps $(TWIN_STEPS)

twin-live: all ## the same on the running kernel: as root, and only where no pool is in use
	@tools/install-deps build check
	@$(MAKE) --no-print-directory dev
	@tests/twin/run --build $(DEV) --weir $(RELEASE)/src/cli/weir --live --steps $(TWIN_STEPS)

twin-pins: all ## the same about long-term pins: on kernels with ZONE_MOVABLE, and with CMA
	@tools/install-deps build check guest twin-arm64
	@$(MAKE) --no-print-directory dev
	@tests/twin/run --build $(DEV) --weir $(RELEASE)/src/cli/weir \
		--scenario tests/scenarios/pins-*.weir
	@tests/twin/run --build $(DEV) --weir $(RELEASE)/src/cli/weir \
		--pins movable,cma --steps $(TWIN_STEPS)

plans: all ## carry out random plans under a random workload, here (as root) and on four kernels
	@tools/install-deps build check guest
	@$(MAKE) --no-print-directory dev
	@tests/plans/run $(RELEASE) --programs $(DEV)

kills: all ## kill changes of this machine's pools KILLS times, as root: nothing may be lost
	@tests/live/test_kill.py $(WEIR) $(KILLS)

leases: ## lease warm memory LEASES times, as root, with clients and weird being killed
	@tools/install-deps build check
	@$(MAKE) --no-print-directory dev
	@tests/live/test_warm_faults.py $(DEV)/src/cli/weir $(DEV)/src/daemon/weird \
		$(DEV)/tests/live/warm_client $(LEASES)

mutation: ## change the model's rules one at a time: do the scenarios notice?
	@tools/install-deps build check
	@tests/mutation/run

fuzz: ## run each fuzzer FUZZ_RUNS times, or one: FUZZER=name
	@tools/install-deps build check fuzz
	@tools/setup-build $(FUZZ) tests/fuzz/fuzz.ini
	@$(NINJA) -C $(FUZZ) fuzzers
	@tools/fuzz $(FUZZ) $(FUZZ_RUNS) $(FUZZER)

bench: all ## measure what looking costs, beside other tools
	@tools/install-deps bench
	@$(NINJA) -C $(RELEASE) bench_programs
	@tests/bench/run $(RELEASE)

format: ## format all C sources in place
	@tools/install-deps format
	@git ls-files -co --exclude-standard '*.[ch]' | xargs clang-format -i

install: all ## install below DESTDIR, for PREFIX (/usr/local)
	@meson configure $(RELEASE) -Dprefix=$(PREFIX)
	@meson install -C $(RELEASE) $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean: ## remove all that was built
	rm -rf build

// SPDX-License-Identifier: MIT

//! The table of variables: the one place that says what each does, since when, and where that can be
//! read: in which file of which release of ROCR-Runtime (ROCr), ROCT-Thunk-Interface (libhsakmt), clr or
//! PyTorch.

/// A variable that ROCm or PyTorch reads, or is said to read.
#[derive(Debug)]
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// How much its being set matters.
    pub weight: Weight,
    /// The values that matter.
    pub when: When,
    /// The machines on which it matters.
    pub machines: Machines,
    /// What it does.
    pub does: &'static str,
    /// What is said of it, and what is true of that.
    pub said: Option<Said>,
    /// Since which version it is read.
    pub since: &'static str,
    /// Where to read so.
    pub source: &'static str,
}

/// A word that goes round.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// What is said.
    pub claim: &'static str,
    /// Whether it is so, in one sentence.
    pub truth: &'static str,
}

/// How much a variable's being set matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It does harm to jobs.
    Harmful,
    /// It hides the GPUs, which somebody may want.
    Hides,
    /// Worth knowing when a job is slow or a fault is looked for.
    Noted,
    /// Of no matter to memory faults, though something else is said of it.
    Harmless,
}

/// The values of a variable that matter, as its reader compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Any at all.
    Any,
    /// 1 (ROCr's flags).
    One,
    /// 0.
    Zero,
    /// Any but 0; an empty one, too (libhsakmt).
    NotZero,
    /// A number but 0, or true (HIP's flags).
    Number,
    /// A list that ends before it has a GPU, at -1.
    HidesAll,
    /// The same; one that is empty, too.
    HidesAllOrEmpty,
}

/// The machines on which a variable matters, of those with a GPU that rmcp guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machines {
    /// All.
    All,
    /// Those with one such GPU.
    WithOneGpu,
    /// Those with a GPU of this series.
    With(&'static str),
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Any => "any",
            Self::One => "1",
            Self::Zero => "0",
            Self::NotZero => "any but 0, even an empty one",
            Self::Number => "a number but 0, or true",
            Self::HidesAll => "a list that begins with -1",
            Self::HidesAllOrEmpty => "a list that begins with -1, or an empty one",
        })
    }
}

impl When {
    /// Whether a value matters; `None` is one that takes a shell to know.
    pub fn holds(self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            return !matches!(self, Self::HidesAll | Self::HidesAllOrEmpty);
        };
        match self {
            Self::Any => true,
            Self::One => value == "1",
            Self::Zero => value == "0",
            Self::NotZero => value != "0",
            Self::Number => value == "true" || c_number(value) != 0,
            Self::HidesAll => hides_all(value),
            Self::HidesAllOrEmpty => value.is_empty() || hides_all(value),
        }
    }
}

fn hides_all(list: &str) -> bool {
    list.split(',').next() == Some("-1")
}

/// As C's `atoi`: what stands before something else.
fn c_number(text: &str) -> i64 {
    let text = text.trim_start();
    let digits = text.trim_start_matches(['+', '-']);
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    match digits.bytes().all(|digit| digit == b'0') {
        true => 0,
        false => digits.parse().unwrap_or(i64::MAX),
    }
}

const fn known(
    name: &'static str,
    weight: Weight,
    when: When,
    does: &'static str,
    since: &'static str,
    source: &'static str,
) -> Known {
    Known {
        name,
        weight,
        when,
        machines: Machines::All,
        does,
        said: None,
        since,
        source,
    }
}

impl Known {
    const fn on(self, machines: Machines) -> Self {
        Self { machines, ..self }
    }

    const fn said(self, claim: &'static str, truth: &'static str) -> Self {
        Self {
            said: Some(Said { claim, truth }),
            ..self
        }
    }
}

/// The variable that makes a GPU pass for another; it is judged by the GPU.
pub const OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION";

/// The table.
pub const KNOWN: [Known; 25] = [
    known(
        OVERRIDE,
        Weight::Harmful,
        When::Any,
        "it makes ROCm run code of another GPU; across minor versions (gfx1030 code on gfx101x) that \
         is a documented cause of HSA_STATUS_ERROR_MEMORY_APERTURE_VIOLATION. With the version of no \
         chip ROCr leaves the GPU out",
        "ROCm 1.7; for one node, as HSA_OVERRIDE_GFX_VERSION_1, ROCm 6.3",
        "libhsakmt 6.2.4, src/topology.c:1211-1230",
    )
    .said(
        "10.3.0 makes an RX 5000 (gfx101x) work",
        "false: the programs start, and run code of another chip. On gfx1031 to gfx1036 10.3.0 is \
         common, and mostly fine",
    ),
    known(
        "HSA_FORCE_FINE_GRAIN_PCIE",
        Weight::Harmful,
        When::One,
        "it offers programs a pool of uncached video memory; only RCCL between several GPUs asks for \
         it",
        "ROCm 2.3",
        "ROCr 6.2.4, src/core/util/flag.h:176; src/core/runtime/amd_gpu_agent.cpp:479",
    )
    .on(Machines::WithOneGpu)
    .said(
        "1 makes memory coherent and so prevents faults",
        "false: it changes no existing allocation, and hipMalloc never uses that pool",
    ),
    known(
        "HSA_DISABLE_CACHE",
        Weight::Harmful,
        When::NotZero,
        "it makes every allocation uncached: to look for a fault of coherence, not for work",
        "ROCm 1.0",
        "libhsakmt 6.2.4, src/fmm.c:2511, :1573-1577, :1808-1812",
    ),
    known(
        "OPENCL_USE_NC_MEMORY_POLICY",
        Weight::Harmful,
        When::Any,
        "it changes no memory type; it takes away fine-grained memory, which hipHostMalloc asks for",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/device/rocm/rocsettings.cpp:50; \
         rocclr/device/rocm/rocdevice.cpp:1664-1665",
    )
    .said(
        "it makes memory non-coherent, as the name says",
        "false: the memory type stays, and 0 switches it on as well",
    ),
    known(
        "HIP_FORCE_DEV_KERNARG",
        Weight::Harmful,
        When::Number,
        "it puts kernel arguments into video memory; gfx101x has trouble with the flushes that this \
         takes, so newer ROCm ignores it there",
        "ROCm 5.7; ignored on gfx101x since ROCm 6.2",
        "clr 6.2.2, rocclr/device/rocm/rocsettings.cpp:254-287; ROCr 6.2.4, \
         src/core/runtime/amd_blit_sdma.cpp:171",
    )
    .on(Machines::With("gfx101")),
    known(
        "HIP_VISIBLE_DEVICES",
        Weight::Hides,
        When::HidesAll,
        "HIP shows only the GPUs that it names; with -1 first it hides every GPU",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/device/rocm/rocdevice.cpp:500",
    ),
    known(
        "ROCR_VISIBLE_DEVICES",
        Weight::Hides,
        When::HidesAllOrEmpty,
        "ROCr shows only the GPUs that it names; empty, or with -1 first, it hides every GPU",
        "ROCm 2.2",
        "ROCr 6.2.4, src/core/util/flag.h:104",
    ),
    known(
        "CUDA_VISIBLE_DEVICES",
        Weight::Hides,
        When::HidesAll,
        "HIP takes it for HIP_VISIBLE_DEVICES where that is not set; with -1 first it hides every GPU",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/device/rocm/rocdevice.cpp:501",
    ),
    known(
        "HSA_XNACK",
        Weight::Noted,
        When::Any,
        "it has no effect on RDNA1 and RDNA2: amdkfd refuses it from GC 10.1.1 on",
        "ROCm 4.3",
        "ROCr 6.2.4, src/core/util/flag.h:202; Linux 7.2, amdkfd/kfd_process.c:1545-1547",
    )
    .said(
        "0 (or 1) makes page faults harmless",
        "false here: these GPUs have no XNACK, 0 is what they do, and 1 is refused",
    ),
    known(
        "HSA_USE_SVM",
        Weight::Noted,
        When::Zero,
        "hipMallocManaged then takes cached system memory that does not migrate",
        "ROCm 5.6",
        "libhsakmt 6.2.4, src/openclose.c:196",
    )
    .said(
        "0 avoids memory faults",
        "it is real, but concerns shared virtual memory: hipMalloc, which PyTorch uses, is the same \
         with it and without",
    ),
    known(
        "HIP_HOST_COHERENT",
        Weight::Noted,
        When::Zero,
        "0 is the default, and does not make hipHostMalloc's memory non-coherent",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/utils/flags.hpp:174; hipamd/src/hip_memory.cpp:640-644",
    )
    .said(
        "0 makes pinned memory non-coherent",
        "false: hipHostMalloc without flags is coherent whatever it says",
    ),
    known(
        "HSA_ENABLE_SDMA",
        Weight::Noted,
        When::Zero,
        "copies are then done by shaders: for finding faults",
        "ROCm 1.0",
        "ROCr 6.2.4, src/core/util/flag.h:89",
    ),
    known(
        "HSA_DISABLE_FRAGMENT_ALLOCATOR",
        Weight::Noted,
        When::One,
        "faults then hit nearer to their cause, and allocations are slower",
        "ROCm 1.6.4",
        "ROCr 6.2.4, src/core/util/flag.h:167; src/core/runtime/amd_memory_region.cpp:221",
    ),
    known(
        "HSA_ENABLE_INTERRUPT",
        Weight::Noted,
        When::Zero,
        "a CPU then polls for every signal",
        "ROCm 1.0",
        "ROCr 6.2.4, src/core/util/flag.h:86",
    ),
    known(
        "AMD_SERIALIZE_KERNEL",
        Weight::Noted,
        When::Number,
        "kernels then run one after the other: for finding faults (3: each waits before and after; it \
         could hang before ROCm 6.2.1)",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/utils/flags.hpp:163; CHANGELOG.md, HIP 6.2.41134",
    ),
    known(
        "AMD_SERIALIZE_COPY",
        Weight::Noted,
        When::Number,
        "copies then run one after the other: for finding faults (3: each waits before and after)",
        "ROCm 3.7 or earlier",
        "clr 6.2.2, rocclr/utils/flags.hpp:166",
    ),
    known(
        "HIP_LAUNCH_BLOCKING",
        Weight::Noted,
        When::Number,
        "each launch then waits: for finding faults",
        "ROCm 6.1",
        "clr 6.2.2, rocclr/utils/flags.hpp:169; rocclr/platform/command.cpp:403",
    ),
    known(
        "AMD_LOG_LEVEL",
        Weight::Noted,
        When::Number,
        "HIP then logs what it does to standard error (1: errors, to 4: all): for finding faults, and slow \
         from 3 on",
        "ROCm 5.7 or earlier",
        "clr 6.4.3, rocclr/utils/flags.hpp:27",
    ),
    known(
        "GPU_MAX_HW_QUEUES",
        Weight::Harmless,
        When::Any,
        "so many queues HIP makes on a GPU for streams of one priority before they share them; 4 where it \
         is not set",
        "ROCm 5.7 or earlier",
        "clr 6.4.3, rocclr/utils/flags.hpp:152; rocclr/device/rocm/rocdevice.cpp:3003",
    ),
    known(
        "PYTORCH_NO_CUDA_MEMORY_CACHING",
        Weight::Noted,
        When::Any,
        "every tensor is then an allocation of its own: for finding faults, and very slow",
        "2023 at the latest (issue 92074); since 2025 (pull request 145905) only with the value 1",
        "PyTorch, c10/cuda/CUDACachingAllocator.cpp, forceUncachedAllocator",
    ),
    known(
        "PYTORCH_NO_HIP_MEMORY_CACHING",
        Weight::Noted,
        When::Any,
        "every tensor is then an allocation of its own: for finding faults, and very slow",
        "2025 at the latest (pull request 145905); earlier ones read only the name with CUDA",
        "PyTorch, c10/cuda/CUDACachingAllocator.cpp, forceUncachedAllocator; notes/hip.rst",
    )
    .said(
        "1 avoids memory faults",
        "it moves them: an access beyond a tensor then leaves its allocation, and is caught or hits \
         nothing. No memory type changes",
    ),
    known(
        "PYTORCH_HIP_ALLOC_CONF",
        Weight::Harmless,
        When::Any,
        "it sets how PyTorch cuts up and keeps its blocks of memory; no memory type changes, and a \
         word that it does not know is an error",
        "where PYTORCH_CUDA_ALLOC_CONF is not set; newer ones prefer PYTORCH_ALLOC_CONF",
        "PyTorch, c10/core/AllocatorConfig.cpp",
    )
    .said(
        "max_split_size_mb and garbage_collection_threshold avoid memory faults",
        "false: they are against running out of memory",
    ),
    known(
        "PYTORCH_CUDA_ALLOC_CONF",
        Weight::Harmless,
        When::Any,
        "it sets how PyTorch cuts up and keeps its blocks of memory; no memory type changes, and a \
         word that it does not know is an error",
        "every version for ROCm; newer ones prefer PYTORCH_ALLOC_CONF",
        "PyTorch, c10/core/AllocatorConfig.cpp",
    ),
    known(
        "PYTORCH_ALLOC_CONF",
        Weight::Harmless,
        When::Any,
        "it sets how PyTorch cuts up and keeps its blocks of memory; no memory type changes, and a \
         word that it does not know is an error",
        "2025 at the latest",
        "PyTorch, c10/core/AllocatorConfig.cpp",
    ),
    known(
        "ROCM_PATH",
        Weight::Harmless,
        When::Any,
        "it tells build tools where ROCm is installed; libhsakmt, ROCr and clr do not read it",
        "by none of those that were looked at",
        "libhsakmt 6.2.4, ROCr 6.2.4 and clr 6.2.2: no .c, .cpp, .h or .hpp has the name",
    )
    .said(
        "it has to be set for ROCm to work right",
        "false for running programs: libraries are found by the linker",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_matter_as_their_readers_compare_them() {
        let holds = |when: When| {
            ["", "0", "1", "2", "-1", "true", " 1"].map(|value| u8::from(when.holds(Some(value))))
        };
        assert_eq!(holds(When::Any), [1; 7]);
        assert_eq!(holds(When::One), [0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(holds(When::Zero), [0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(holds(When::NotZero), [1, 0, 1, 1, 1, 1, 1]);
        assert_eq!(holds(When::Number), [0, 0, 1, 1, 1, 1, 1]);
        assert_eq!(holds(When::HidesAll), [0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(holds(When::HidesAllOrEmpty), [1, 0, 0, 0, 1, 0, 0]);
        assert!(When::HidesAll.holds(Some("-1,0")) && !When::HidesAll.holds(Some("0,-1")));
    }

    #[test]
    fn each_variable_is_known_once_and_with_its_source() {
        for (index, known) in KNOWN.iter().enumerate() {
            assert!(KNOWN[..index].iter().all(|other| other.name != known.name));
            assert!(known.source.contains(", ") && !known.since.is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(text: String, number: i128) {
            for when in [When::Number, When::HidesAll, When::HidesAllOrEmpty] {
                when.holds(Some(&text));
                when.holds(Some(&number.to_string()));
            }
        }

        #[test]
        fn a_number_is_on_unless_it_is_0(number: i64) {
            prop_assert_eq!(When::Number.holds(Some(&number.to_string())), number != 0);
        }
    }
}

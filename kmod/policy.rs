// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What rmcp wants and of which GPUs: pure decisions on plain numbers, `core` only.
//!
//! The kernel module and the user-space command both compile this file, so it is the one place for
//! the list of GPUs, the list of parameters and the rewrite of a memory type. It knows no kernel
//! structure, no offset and no path.

/// A GPU that GMC v10 drives: one GC (graphics and compute) IP version.
#[derive(Debug, PartialEq, Eq)]
pub struct Chip {
    /// GC IP version: major, minor, revision.
    pub gc: (u8, u8, u8),
    /// AMD's name of the chip.
    pub name: &'static str,
    /// The instruction set that ROCm compiles for.
    pub gfx_target: &'static str,
    /// Whether the GPU shares a package with the CPU.
    pub apu: bool,
}

/// Every GPU that rmcp guards: all of GC 10.1.x and 10.3.x (`amdgpu_discovery.c`,
/// `amdgpu_discovery_set_gmc_ip_blocks`; targets from `kfd_device.c`, `kgd2kfd_probe`).
pub const CHIPS: [Chip; 13] = [
    chip((10, 1, 10), "Navi10", "gfx1010", false),
    chip((10, 1, 2), "Navi12", "gfx1011", false),
    chip((10, 1, 1), "Navi14", "gfx1012", false),
    chip((10, 1, 3), "Cyan Skillfish", "gfx1013", true),
    chip((10, 1, 4), "Cyan Skillfish 2", "gfx1013", true),
    chip((10, 3, 0), "Navi21", "gfx1030", false),
    chip((10, 3, 2), "Navi22", "gfx1031", false),
    chip((10, 3, 4), "Navi23", "gfx1032", false),
    chip((10, 3, 1), "Van Gogh", "gfx1033", true),
    chip((10, 3, 5), "Navi24", "gfx1034", false),
    chip((10, 3, 3), "Rembrandt", "gfx1035", true),
    chip((10, 3, 6), "Raphael", "gfx1036", true),
    chip((10, 3, 7), "Mendocino", "gfx1036", true),
];

const fn chip(gc: (u8, u8, u8), name: &'static str, gfx_target: &'static str, apu: bool) -> Chip {
    Chip {
        gc,
        name,
        gfx_target,
        apu,
    }
}

/// Splits the driver's encoding of an IP version (`IP_VERSION_FULL`, `amdgpu_ip.h`) into major,
/// minor and revision. The low byte (variant and sub-revision) is dropped, as the driver does.
pub const fn ip_version(word: u32) -> (u8, u8, u8) {
    ((word >> 24) as u8, (word >> 16) as u8, (word >> 8) as u8)
}

/// The guarded chip with this GC version, or `None` when rmcp must leave the GPU alone.
pub fn find_chip(gc: (u8, u8, u8)) -> Option<&'static Chip> {
    CHIPS.iter().find(|chip| chip.gc == gc)
}

/// The field of `AMDGPU_VM_MTYPE_*` in the VM flags (`amdgpu_drm.h`).
pub const VM_MTYPE_MASK: u32 = 0xf << 5;
/// Non-coherent: cached in the GPU, the driver's default.
pub const VM_MTYPE_NC: u32 = 1 << 5;
/// Cache-coherent.
pub const VM_MTYPE_CC: u32 = 3 << 5;
/// Uncached.
pub const VM_MTYPE_UC: u32 = 4 << 5;

/// What becomes of a request for MTYPE_CC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MtypeCc {
    /// Becomes NC.
    Nc,
    /// Becomes UC.
    Uc,
    /// Counted, left as it is.
    Report,
    /// Not even counted.
    Off,
}

impl MtypeCc {
    /// The mode behind a value of [`MTYPE_CC`].
    pub const fn from_value(value: i32) -> Self {
        match value {
            0 => Self::Nc,
            1 => Self::Uc,
            2 => Self::Report,
            _ => Self::Off,
        }
    }

    /// The VM flags with a request for MTYPE_CC replaced; `None` when they stay as they are.
    /// Every other memory type, UC above all, is never touched.
    pub const fn rewrite(self, vm_flags: u32) -> Option<u32> {
        if !requests_cc(vm_flags) {
            return None;
        }
        match self {
            Self::Nc => Some(vm_flags & !VM_MTYPE_MASK | VM_MTYPE_NC),
            Self::Uc => Some(vm_flags & !VM_MTYPE_MASK | VM_MTYPE_UC),
            Self::Report | Self::Off => None,
        }
    }
}

/// Whether these VM flags ask for MTYPE_CC.
pub const fn requests_cc(vm_flags: u32) -> bool {
    vm_flags & VM_MTYPE_MASK == VM_MTYPE_CC
}

/// One module parameter: its name, the words it takes and what they stand for.
#[derive(Debug)]
pub struct Param {
    /// The name, as on the kernel command line after `rmcp.`.
    pub name: &'static str,
    /// Accepted words and their values; the first is the default.
    pub words: &'static [(&'static str, i32)],
    /// The accepted words as a person reads them.
    pub range: &'static str,
    /// One line of help, shown by `modinfo`.
    pub help: &'static str,
}

impl Param {
    /// The value of a word, or `None` when it is out of range.
    pub fn parse(&self, word: &str) -> Option<i32> {
        let word = word.trim_ascii();
        self.words
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, value)| *value)
    }

    /// The word for a value; empty for one that no word has.
    pub fn word(&self, value: i32) -> &'static str {
        self.words
            .iter()
            .find(|(_, v)| *v == value)
            .map_or("", |(name, _)| name)
    }

    /// The value in force when nobody sets the parameter.
    pub const fn default(&self) -> i32 {
        self.words[0].1
    }
}

/// The value of [`NORETRY`] and [`FRAGMENT_SIZE`] that keeps what the driver chose.
pub const LEAVE: i32 = -1;

/// `gmc.noretry`.
pub const NORETRY: Param = Param {
    name: "noretry",
    words: &[("1", 1), ("0", 0), ("-1", LEAVE)],
    range: "1, 0 or -1",
    help: "1 = no retry of faulting accesses (default), 0 = retry, -1 = leave to amdgpu",
};

/// `vm_manager.fragment_size`, log2 of 4 KiB pages.
pub const FRAGMENT_SIZE: Param = Param {
    name: "fragment_size",
    words: &[
        ("9", 9),
        ("4", 4),
        ("5", 5),
        ("6", 6),
        ("7", 7),
        ("8", 8),
        ("-1", LEAVE),
    ],
    range: "4 to 9, or -1",
    help: "log2 of 4 KiB pages that user space is told, 4 to 9 (default 9 = 2 MiB), -1 = leave to amdgpu",
};

/// What becomes of MTYPE_CC; its values are those of [`MtypeCc::from_value`].
pub const MTYPE_CC: Param = Param {
    name: "mtype_cc",
    words: &[("nc", 0), ("uc", 1), ("report", 2), ("off", 3)],
    range: "nc, uc, report or off",
    help: "a request for MTYPE_CC becomes nc (default) or uc, is only counted (report), or is not looked at (off)",
};

/// Whether anything is written at all.
pub const ENFORCE: Param = Param {
    name: "enforce",
    words: &[("1", 1), ("0", 0)],
    range: "1 or 0",
    help: "1 = write the policy (default), 0 = report only, write nothing",
};

/// Every module parameter.
pub const PARAMS: [&Param; 4] = [&NORETRY, &FRAGMENT_SIZE, &MTYPE_CC, &ENFORCE];

/// The two fields of the driver that rmcp pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    /// `gmc.noretry`.
    pub noretry: i32,
    /// `vm_manager.fragment_size`.
    pub fragment_size: u32,
}

impl Fields {
    /// Whether a driver can hold these values. Anything else means that the layout is wrong.
    pub const fn plausible(self) -> bool {
        self.noretry >= -1 && self.noretry <= 1 && self.fragment_size <= 31
    }

    /// The values that the parameters ask for, given what the driver has.
    pub const fn wanted(self, noretry: i32, fragment_size: i32) -> Self {
        Self {
            noretry: if noretry == LEAVE {
                self.noretry
            } else {
                noretry
            },
            fragment_size: if fragment_size == LEAVE {
                self.fragment_size
            } else {
                fragment_size as u32
            },
        }
    }
}

/// How far rmcp's policy is in force on a GPU, in the words that sysfs shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Written before the hubs were programmed.
    Enforced = 1,
    /// In place, but not in effect yet.
    Armed = 2,
    /// `enforce=0`: looked at, nothing written.
    ReportOnly = 3,
    /// Something was not as expected: nothing written.
    Refused = 4,
}

impl State {
    /// The word in sysfs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Armed => "armed",
            Self::ReportOnly => "report-only",
            Self::Refused => "refused",
        }
    }
}

/// What is said of a function that a probe needs and amdgpu lacks.
macro_rules! no_function {
    ($function:literal $(, $or:literal)?) => {
        concat!(
            "this amdgpu has no function ",
            $function,
            " to place a kprobe on: nothing is written; look for a newer rmcp"
            $(, $or)?
        )
    };
}

/// Why a GPU, or the whole module, is in its [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// The policy was written before the hubs were programmed.
    Written = 1,
    /// amdgpu brought the GPU up before rmcp was there.
    AmdgpuFirst = 2,
    /// The driver's fields no longer hold what rmcp wrote.
    Drift = 3,
    /// `enforce=0`.
    ReportOnly = 4,
    /// The GC version is none of [`CHIPS`].
    UnknownGc = 5,
    /// A field of the driver holds a value that it cannot hold.
    Implausible = 6,
    /// amdgpu is not loaded yet.
    WaitingForAmdgpu = 7,
    /// The probes are in place.
    ProbesArmed = 8,
    /// amdgpu's BTF is not the one this module was built for.
    OtherBtf = 9,
    /// The compiled-in layout was changed after it was generated.
    LayoutEdited = 10,
    /// amdgpu's BTF could not be read.
    NoBtf = 11,
    /// A probe could not be placed.
    ProbeFailed = 12,
    /// More GPUs than rmcp has room for.
    TooManyGpus = 13,
    /// amdgpu initialised the GPU and no probe was called.
    ProbeMissed = 14,
    /// Neither field is to be written.
    NothingAsked = 15,
    /// amdgpu lacks the function that initialises the memory controller.
    NoHwInit = 16,
    /// amdgpu lacks the function that ends the use of a device.
    NoSwFini = 17,
    /// amdgpu lacks the function of `MtypeHook::GetVmPte`.
    NoGetVmPte = 18,
    /// amdgpu lacks the function of `MtypeHook::MapMtype`.
    NoMapMtype = 19,
    /// amdgpu has the policy itself.
    DriverHasPolicy = 20,
}

impl Reason {
    /// Every reason, for reading one back from its number.
    const ALL: [Self; 20] = [
        Self::Written,
        Self::AmdgpuFirst,
        Self::Drift,
        Self::ReportOnly,
        Self::UnknownGc,
        Self::Implausible,
        Self::WaitingForAmdgpu,
        Self::ProbesArmed,
        Self::OtherBtf,
        Self::LayoutEdited,
        Self::NoBtf,
        Self::ProbeFailed,
        Self::TooManyGpus,
        Self::ProbeMissed,
        Self::NothingAsked,
        Self::NoHwInit,
        Self::NoSwFini,
        Self::NoGetVmPte,
        Self::NoMapMtype,
        Self::DriverHasPolicy,
    ];

    /// The reason with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|r| *r as u8 == number)
    }

    /// The state that goes with the reason.
    pub const fn state(self) -> State {
        match self {
            Self::Written => State::Enforced,
            Self::AmdgpuFirst | Self::Drift | Self::WaitingForAmdgpu | Self::ProbesArmed => {
                State::Armed
            }
            Self::ReportOnly | Self::NothingAsked | Self::DriverHasPolicy => State::ReportOnly,
            Self::UnknownGc
            | Self::Implausible
            | Self::OtherBtf
            | Self::LayoutEdited
            | Self::NoBtf
            | Self::ProbeFailed
            | Self::TooManyGpus
            | Self::ProbeMissed
            | Self::NoHwInit
            | Self::NoSwFini
            | Self::NoGetVmPte
            | Self::NoMapMtype => State::Refused,
        }
    }

    /// One clear sentence.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written before amdgpu programmed the memory hubs",
            Self::AmdgpuFirst => {
                "amdgpu was up before rmcp: noretry takes effect at the next resume, full reset, rebind or reboot; new MTYPE_CC requests are handled now"
            }
            Self::Drift => {
                "the driver's fields changed after rmcp wrote them: in effect again at the next resume, full reset, rebind or reboot"
            }
            Self::ReportOnly => "enforce=0: nothing is written",
            Self::UnknownGc => {
                "the GC version is not one of 10.1.x and 10.3.x that rmcp knows: nothing is written"
            }
            Self::Implausible => {
                "a field of amdgpu holds a value it cannot hold, so the layout does not fit: nothing is written; rebuild rmcp for this kernel (dkms)"
            }
            Self::WaitingForAmdgpu => "amdgpu is not loaded yet",
            Self::ProbesArmed => "the probes are in place",
            Self::OtherBtf => {
                "this amdgpu's BTF is not the one rmcp was built for: nothing is written; rebuild rmcp for this kernel (dkms)"
            }
            Self::LayoutEdited => {
                "the compiled-in layout does not match its own checksum: nothing is written; rebuild rmcp for this kernel (dkms)"
            }
            Self::NoBtf => {
                "this amdgpu has no BTF that can be read, so its layout cannot be confirmed: nothing is written; use the kernel's own amdgpu, built with CONFIG_DEBUG_INFO_BTF_MODULES=y"
            }
            Self::ProbeFailed => "a kprobe could not be placed in amdgpu: nothing is written",
            Self::ProbeMissed => {
                "amdgpu initialised this GPU and rmcp's probe was not called: nothing is written; are kprobes or ftrace switched off (sysctl kernel.ftrace_enabled, debugfs kprobes/enabled)?"
            }
            Self::NothingAsked => "noretry=-1 and fragment_size=-1: neither is written",
            Self::NoHwInit => no_function!("gmc_v10_0_hw_init"),
            Self::NoSwFini => no_function!("gmc_v10_0_sw_fini"),
            Self::NoGetVmPte => {
                no_function!("gmc_v10_0_get_vm_pte", ", or load this one with mtype_cc=off")
            }
            Self::NoMapMtype => {
                no_function!("gmc_v10_0_map_mtype", ", or load this one with mtype_cc=off")
            }
            Self::DriverHasPolicy => {
                "this amdgpu has the policy itself, see gmc_v10_policy/ in the device's directory: rmcp stands by and writes nothing"
            }
            Self::TooManyGpus => "more than 16 GPUs: this one is left alone",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_is_found_by_its_encoded_version_whatever_the_low_byte() {
        for chip in &CHIPS {
            let (major, minor, revision) = chip.gc;
            let word = u32::from_be_bytes([major, minor, revision, 0]);
            for low in [0, 0x01, 0xff] {
                assert_eq!(find_chip(ip_version(word | low)), Some(chip));
            }
        }
    }

    #[test]
    fn chips_are_distinct_and_only_of_10_1_and_10_3() {
        for (i, chip) in CHIPS.iter().enumerate() {
            assert_eq!(chip.gc.0, 10);
            assert!(chip.gc.1 == 1 || chip.gc.1 == 3);
            assert!(CHIPS[..i].iter().all(|other| other.gc != chip.gc));
        }
    }

    #[test]
    fn other_generations_are_left_alone() {
        for gc in [
            (9, 0, 1),
            (9, 4, 3),
            (10, 1, 0),
            (10, 2, 0),
            (10, 3, 8),
            (11, 0, 0),
            (12, 0, 1),
        ] {
            assert_eq!(find_chip(gc), None, "{gc:?}");
        }
    }

    #[test]
    fn only_a_request_for_cc_is_rewritten_and_only_its_type_bits() {
        for flags in 0..=0xfff_u32 {
            for mode in [MtypeCc::Nc, MtypeCc::Uc, MtypeCc::Report, MtypeCc::Off] {
                match mode.rewrite(flags) {
                    None => assert!(
                        !requests_cc(flags) || matches!(mode, MtypeCc::Report | MtypeCc::Off)
                    ),
                    Some(new) => {
                        assert!(requests_cc(flags));
                        assert_eq!(new & !VM_MTYPE_MASK, flags & !VM_MTYPE_MASK);
                        let expected = if mode == MtypeCc::Nc { 0x20 } else { 0x80 };
                        assert_eq!(new & VM_MTYPE_MASK, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn bits_above_the_low_twelve_survive_a_rewrite() {
        assert_eq!(MtypeCc::Nc.rewrite(0xffff_f06e), Some(0xffff_f02e));
        assert_eq!(MtypeCc::Uc.rewrite(0xffff_f06e), Some(0xffff_f08e));
    }

    #[test]
    fn parameters_take_their_words_and_nothing_else() {
        for param in PARAMS {
            for (word, value) in param.words {
                assert_eq!(param.parse(word), Some(*value));
                assert_eq!(param.word(*value), *word);
            }
            for bad in ["", "10", "3", "-2", "0x1", "on", "nc,uc"] {
                assert_eq!(param.parse(bad), None, "{}={bad}", param.name);
            }
        }
        assert_eq!(NORETRY.parse("1\n"), Some(1));
    }

    #[test]
    fn defaults_are_the_policy() {
        assert_eq!(NORETRY.default(), 1);
        assert_eq!(FRAGMENT_SIZE.default(), 9);
        assert_eq!(MtypeCc::from_value(MTYPE_CC.default()), MtypeCc::Nc);
        assert_eq!(ENFORCE.default(), 1);
    }

    #[test]
    fn leave_keeps_what_the_driver_has() {
        let found = Fields {
            noretry: 0,
            fragment_size: 6,
        };
        assert_eq!(found.wanted(LEAVE, LEAVE), found);
        let pinned = found.wanted(1, 9);
        assert_eq!((pinned.noretry, pinned.fragment_size), (1, 9));
    }

    #[test]
    fn implausible_values_are_told() {
        let ok = |noretry, fragment_size| {
            Fields {
                noretry,
                fragment_size,
            }
            .plausible()
        };
        assert!(ok(-1, 0) && ok(0, 9) && ok(1, 31));
        assert!(!ok(2, 9) && !ok(-2, 9) && !ok(1, 32) && !ok(i32::MIN, 9) && !ok(1, u32::MAX));
    }

    #[test]
    fn reasons_read_back_and_only_written_is_enforced() {
        for number in 0..=u8::MAX {
            if let Some(reason) = Reason::from_u8(number) {
                assert_eq!(reason as u8, number);
                assert_eq!(reason.state() == State::Enforced, reason == Reason::Written);
            }
        }
        assert_eq!(Reason::from_u8(0), None);
    }
}

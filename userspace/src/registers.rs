// SPDX-License-Identifier: MIT

//! The registers by which amdgpu tells a GPU's two memory hubs what to do with an access that
//! faults. Which block version has them where is the driver's own choice of code for it; the places
//! are those of the kernel's headers, which the tests compare them with.

use crate::sysfs::discovery::Block;

/// The contexts of user space; context 0 is the kernel's own.
pub const CONTEXTS: std::ops::RangeInclusive<usize> = 1..=15;
/// `RETRY_PERMISSION_OR_INVALID_PAGE_FAULT` of a `CONTEXTn_CNTL`.
pub const RETRY: u32 = 1 << 7;
/// `ENABLE_CONTEXT` of a `CONTEXTn_CNTL`: amdgpu sets it in all of them.
pub const ENABLE: u32 = 1 << 0;

/// A memory hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hub {
    /// That of graphics and compute.
    Gfx,
    /// That of the rest, such as display and video.
    Mm,
}

impl Hub {
    /// The IP block it belongs to, as `ip_discovery` calls it.
    pub fn block(self) -> &'static str {
        match self {
            Self::Gfx => "GC",
            Self::Mm => "MMHUB",
        }
    }

    /// What the names of its registers begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Gfx => "GCVM",
            Self::Mm => "MMVM",
        }
    }

    /// The name of a context's control register.
    pub fn context_cntl(self, context: usize) -> String {
        format!("{}_CONTEXT{context}_CNTL", self.prefix())
    }

    /// Where `CONTEXT1_CNTL` is, in dwords of the register BAR; the fourteen others follow it.
    ///
    /// # Errors
    ///
    /// One sentence, when the version is not one whose registers are known.
    pub fn context1_cntl(self, block: &Block) -> Result<u32, String> {
        // gmc_v10_0_set_gfxhub_funcs, gmc_v10_0_set_mmhub_funcs
        let place = match (self, block.version) {
            (Self::Gfx, (10, 1, _)) => GCVM_CONTEXT1_CNTL_10_1,
            (Self::Gfx, (10, 3, _)) => GCVM_CONTEXT1_CNTL_10_3,
            (Self::Mm, (2, 0 | 1, _)) => MMVM_CONTEXT1_CNTL_2_0,
            (Self::Mm, (2, 3, 0) | (2, 4, 0 | 1)) => MMVM_CONTEXT1_CNTL_2_3,
            _ => return Err(unknown(self.block(), block)),
        };
        place.dword(self.block(), block)
    }
}

/// Where `GCMC_VM_FB_OFFSET` is: bits 47:24 of the address that VRAM has in page tables
/// (`get_mc_fb_offset`).
///
/// # Errors
///
/// As [`Hub::context1_cntl`].
pub fn fb_offset(gc: &Block) -> Result<u32, String> {
    let place = match gc.version {
        (10, 1, _) => GCMC_VM_FB_OFFSET_10_1,
        (10, 3, _) => GCMC_VM_FB_OFFSET_10_3,
        _ => return Err(unknown("GC", gc)),
    };
    place.dword("GC", gc)
}

/// A register's place in its block: the address segment and the offset in it in dwords.
#[derive(Debug, Clone, Copy)]
struct Place(usize, u32);

// gc_10_1_0_offset.h, gc_10_3_0_offset.h, mmhub_2_0_0_offset.h, mmhub_2_3_0_offset.h
const GCVM_CONTEXT1_CNTL_10_1: Place = Place(0, 0x1621);
const GCVM_CONTEXT1_CNTL_10_3: Place = Place(0, 0x15fd);
const MMVM_CONTEXT1_CNTL_2_0: Place = Place(0, 0x06c1);
const MMVM_CONTEXT1_CNTL_2_3: Place = Place(1, 0x0741);
const GCMC_VM_FB_OFFSET_10_1: Place = Place(0, 0x170b);
const GCMC_VM_FB_OFFSET_10_3: Place = Place(0, 0x16e7);

impl Place {
    fn dword(self, name: &str, block: &Block) -> Result<u32, String> {
        let Self(segment, offset) = self;
        block
            .bases
            .get(segment)
            .and_then(|base| base.checked_add(offset))
            .ok_or_else(|| {
                format!(
                    "{name} has the bases {:x?} in ip_discovery, and none for segment {segment}",
                    block.bases
                )
            })
    }
}

fn unknown(name: &str, block: &Block) -> String {
    let (major, minor, revision) = block.version;
    format!("where {name} {major}.{minor}.{revision} has its registers is not known")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists that `tests/vgpu/registers/derive` makes of the kernel's headers.
    macro_rules! list {
        ($name:literal) => {
            include_str!(concat!("../../tests/vgpu/registers/", $name, ".txt"))
        };
    }

    /// Segment and offset of a register in a list.
    fn listed(list: &str, name: &str) -> Place {
        let found = list.lines().find_map(|line| {
            let (place, register) = line.rsplit_once(' ')?;
            let (segment, offset) = place.split_once(" 0x")?;
            (register == name).then(|| {
                Place(
                    segment.parse().unwrap(),
                    u32::from_str_radix(offset, 16).unwrap(),
                )
            })
        });
        found.unwrap_or_else(|| panic!("{name} is not listed"))
    }

    fn block(version: (u8, u8, u8)) -> Block {
        Block {
            version,
            bases: vec![0x1000, 0x2_0000],
        }
    }

    fn expected(list: &str, name: &str) -> u32 {
        let Place(segment, offset) = listed(list, name);
        block((0, 0, 0)).bases[segment] + offset
    }

    #[test]
    fn all_contexts_are_where_the_kernel_has_them() {
        for (hub, version, list) in [
            (Hub::Gfx, (10, 1, 10), list!("gc_10_1_0")),
            (Hub::Gfx, (10, 3, 7), list!("gc_10_3_0")),
            (Hub::Mm, (2, 0, 0), list!("mmhub_2_0_0")),
            (Hub::Mm, (2, 1, 1), list!("mmhub_2_0_0")),
            (Hub::Mm, (2, 3, 0), list!("mmhub_2_3_0")),
            (Hub::Mm, (2, 4, 1), list!("mmhub_2_3_0")),
        ] {
            let first = hub.context1_cntl(&block(version)).unwrap();
            for context in CONTEXTS {
                let name = hub.context_cntl(context);
                let place = first + (context - CONTEXTS.start()) as u32;
                assert_eq!(place, expected(list, &name), "{name} of {version:?}");
            }
        }
    }

    #[test]
    fn the_offset_of_vram_is_where_the_kernel_has_it() {
        for (version, list) in [
            ((10, 1, 1), list!("gc_10_1_0")),
            ((10, 3, 0), list!("gc_10_3_0")),
        ] {
            assert_eq!(
                fb_offset(&block(version)),
                Ok(expected(list, "GCMC_VM_FB_OFFSET"))
            );
        }
    }

    #[test]
    fn unknown_versions_are_refused() {
        for version in [(9, 4, 3), (10, 2, 0), (11, 0, 0)] {
            let error = Hub::Gfx.context1_cntl(&block(version)).unwrap_err();
            assert!(error.starts_with("where GC "), "{error}");
            assert!(fb_offset(&block(version)).is_err());
        }
        for version in [(1, 0, 0), (2, 2, 0), (2, 3, 1), (2, 4, 2), (3, 0, 0)] {
            let error = Hub::Mm.context1_cntl(&block(version)).unwrap_err();
            assert!(error.contains("MMHUB"), "{error}");
        }
    }

    #[test]
    fn missing_and_absurd_bases_are_refused() {
        for bases in [vec![], vec![u32::MAX, u32::MAX]] {
            let block = Block {
                version: (10, 1, 10),
                bases,
            };
            assert!(Hub::Gfx.context1_cntl(&block).is_err());
        }
        let one = Block {
            version: (2, 3, 0),
            bases: vec![0x1000],
        };
        assert!(Hub::Mm.context1_cntl(&one).is_err());
    }
}

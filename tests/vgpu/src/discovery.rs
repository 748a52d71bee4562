// SPDX-License-Identifier: MIT
//! Builder of the IP discovery binary the driver finds at the end of VRAM (`discovery.h`).
//! It writes the three tables that the chips of the table need and no others.

use crate::chip::{Chip, ShaderConfig};
use crate::vram::VRAM_SIZE;

/// Where the driver looks: `DISCOVERY_TMR_OFFSET` (64 KiB) below the end of VRAM.
pub(crate) const VRAM_OFFSET: u64 = VRAM_SIZE - 0x1_0000;

const BINARY_SIGNATURE: u32 = 0x2821_1407;
const DISCOVERY_SIGNATURE: u32 = 0x5344_5049; // "IPDS"
const GC_SIGNATURE: u32 = 0x4347; // "GC"
const HARVEST_SIGNATURE: u32 = 0x5652_4148; // "HARV"

/// Indices of `table_list` in the binary header.
const IP_DISCOVERY: usize = 0;
const GC_INFO: usize = 1;
const HARVEST_INFO: usize = 2;
const TABLE_COUNT: usize = 6;

const TABLE_LIST: usize = 12;
const FIRST_TABLE: usize = TABLE_LIST + TABLE_COUNT * 8 + 4;
const IP_HEADER_SIZE: usize = 80;
const HARVEST_ENTRIES: usize = 32;

/// The whole binary for `chip`.
pub(crate) fn binary(chip: &Chip) -> Vec<u8> {
    let mut out = vec![0; FIRST_TABLE];
    put32(&mut out, 0, BINARY_SIGNATURE);
    put16(&mut out, 4, 1); // version_major
    add_table(&mut out, IP_DISCOVERY, |at| ip_discovery(chip, at));
    add_table(&mut out, GC_INFO, |_| gc_info(&chip.shader));
    add_table(&mut out, HARVEST_INFO, |_| harvest_info());

    let size = out.len() as u16;
    put16(&mut out, 10, size);
    // amdgpu_discovery_init sums the bytes behind binary_checksum, which are those from binary_size on.
    let checksum = byte_sum(&out[10..]);
    put16(&mut out, 8, checksum);
    out
}

fn add_table(out: &mut Vec<u8>, index: usize, build: impl FnOnce(usize) -> Vec<u8>) {
    let at = out.len();
    let table = build(at);
    let entry = TABLE_LIST + index * 8;
    put16(out, entry, at as u16);
    put16(out, entry + 2, byte_sum(&table));
    put16(out, entry + 4, table.len() as u16);
    out.extend_from_slice(&table);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// `struct ip_discovery_header`, one die, and a `struct ip` for each block (version 2 of the table).
fn ip_discovery(chip: &Chip, at: usize) -> Vec<u8> {
    let mut out = vec![0; IP_HEADER_SIZE];
    put32(&mut out, 0, DISCOVERY_SIGNATURE);
    put16(&mut out, 4, 2); // version
    put16(&mut out, 12, 1); // num_dies
                            // die_info[0]: id 0; the offset counts from the start of the binary.
    put16(&mut out, 16, (at + IP_HEADER_SIZE) as u16);

    out.extend_from_slice(&0u16.to_le_bytes()); // die_id
    let ips = chip.ips();
    out.extend_from_slice(&(ips.len() as u16).to_le_bytes());
    for ip in ips {
        out.extend_from_slice(&(ip.id as u16).to_le_bytes());
        let version = ip.version;
        out.extend_from_slice(&[
            0, // instance
            ip.bases.len() as u8,
            version.0,
            version.1,
            version.2,
            0, // harvest
        ]);
        for base in &ip.bases {
            out.extend_from_slice(&base.to_le_bytes());
        }
    }
    let size = out.len() as u16;
    put16(&mut out, 6, size);
    out
}

/// `struct gc_info_v1_0`. Besides the shader counts nothing in it decides how the driver starts.
fn gc_info(shader: &ShaderConfig) -> Vec<u8> {
    let fields: [u32; 19] = [
        shader.engines,
        shader.wgps_per_array[0],
        shader.wgps_per_array[1],
        shader.render_backends_per_engine,
        16,   // gc_num_gl2c
        1024, // gc_num_gprs
        32,   // gc_num_max_gs_thds
        32,   // gc_gs_table_depth
        1792, // gc_gsprim_buff_depth
        1024, // gc_parameter_cache_depth
        1,    // gc_double_offchip_lds_buffer
        32,   // gc_wave_size
        20,   // gc_max_waves_per_simd
        32,   // gc_max_scratch_slots_per_cu
        64,   // gc_lds_size
        2,    // gc_num_sc_per_se
        shader.arrays_per_engine,
        2, // gc_num_packer_per_sc
        4, // gc_num_gl2a
    ];
    let mut out = Vec::new();
    out.extend_from_slice(&GC_SIGNATURE.to_le_bytes());
    out.extend_from_slice(&1u16.to_le_bytes()); // version_major
    out.extend_from_slice(&0u16.to_le_bytes()); // version_minor
    out.extend_from_slice(&(12 + 4 * fields.len() as u32).to_le_bytes());
    for field in fields {
        out.extend_from_slice(&field.to_le_bytes());
    }
    out
}

/// `struct harvest_table` with no entry: nothing is fused off. Without the table
/// `amdgpu_discovery_read_from_harvest_table` (all but Navi10) logs an error.
fn harvest_info() -> Vec<u8> {
    let mut out = vec![0; 8 + HARVEST_ENTRIES * 4];
    put32(&mut out, 0, HARVEST_SIGNATURE);
    out
}

fn byte_sum(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)))
}

fn put16(out: &mut [u8], at: usize, value: u16) {
    out[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut [u8], at: usize, value: u32) {
    out[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::{chip, CHIPS};

    fn get16(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
    }

    fn get32(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    #[test]
    fn the_driver_accepts_signature_and_checksums() {
        for chip in CHIPS {
            let binary = binary(chip);
            assert!(binary.len() <= 10 << 10, "more than the driver reads");
            assert_eq!(get32(&binary, 0), BINARY_SIGNATURE);
            assert_eq!(usize::from(get16(&binary, 10)), binary.len());
            // The sum written out once more, as amdgpu_discovery_calculate_checksum does it.
            let mut sum = 0u32;
            for byte in &binary[10..] {
                sum += u32::from(*byte);
            }
            assert_eq!(u32::from(get16(&binary, 8)), sum & 0xFFFF);

            for (index, signature, size) in [
                (0, DISCOVERY_SIGNATURE, None),
                (1, GC_SIGNATURE, Some(88)),
                (2, HARVEST_SIGNATURE, Some(136)),
            ] {
                let entry = 12 + index * 8;
                let at = usize::from(get16(&binary, entry));
                let len = usize::from(get16(&binary, entry + 4));
                assert_eq!(get32(&binary, at), signature);
                assert_eq!(size.unwrap_or(len), len);
                assert_eq!(get16(&binary, entry + 2), byte_sum(&binary[at..at + len]));
            }
            for absent in 3..6 {
                assert_eq!(get16(&binary, 12 + absent * 8), 0);
            }
        }
    }

    /// Reads the list the way amdgpu_discovery_reg_base_init does.
    #[test]
    fn the_blocks_can_be_read_back() {
        for chip in CHIPS {
            let binary = binary(chip);
            let header = usize::from(get16(&binary, 12));
            assert_eq!(get16(&binary, header + 12), 1, "one die");
            let die = usize::from(get16(&binary, header + 16));
            let ips = chip.ips();
            assert_eq!(usize::from(get16(&binary, die + 2)), ips.len());
            let mut at = die + 4;
            for ip in ips {
                assert_eq!(get16(&binary, at), ip.id as u16);
                assert_eq!(usize::from(binary[at + 3]), ip.bases.len());
                assert_eq!(
                    binary[at + 4..at + 7],
                    [ip.version.0, ip.version.1, ip.version.2]
                );
                for (i, base) in ip.bases.iter().enumerate() {
                    assert_eq!(get32(&binary, at + 8 + 4 * i), *base);
                }
                at += 8 + 4 * ip.bases.len();
            }
            assert_eq!(at, header + usize::from(get16(&binary, header + 6)));
        }
    }

    #[test]
    fn shader_counts_reach_the_gc_table() {
        let chip = chip("navi21").unwrap();
        let binary = binary(chip);
        let gc = usize::from(get16(&binary, 20));
        assert_eq!(get32(&binary, gc + 12), 4, "gc_num_se");
        assert_eq!(get32(&binary, gc + 12 + 16 * 4), 2, "gc_num_sa_per_se");
    }
}

// SPDX-License-Identifier: MIT
//! Placeholder firmware: files with valid headers and 32 bytes of zeros, enough for
//! `request_firmware` and the loaders. The model runs no microcode, so none of AMD's is needed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::chip::{Chip, Firmware, ShaderConfig};

/// `struct common_firmware_header` and four dwords of the block's own header.
const HEADER_SIZE: usize = 48;
const UCODE_SIZE: usize = 32;
/// `kgd2kfd_device_init` asks for 145 where PCIe atomics are missing.
const UCODE_VERSION: u32 = 0x200;
/// `gfx_v10_0_check_fw_write_wait` and its like compare feature versions up to 46.
const FEATURE_VERSION: u32 = 50;
const SDMA_FEATURE_VERSION: u32 = 1;
/// `amdgpu_gfx_rlc_init_microcode` reads the fields of `struct rlc_firmware_header_v2_0`.
const RLC_HEADER_SIZE: usize = 256;
const RLC_SIZE: usize = 512;

/// The microcontrollers of the graphics core that load a file when `fw_load_type=0`.
const GC_ENGINES: [&str; 6] = ["pfp", "me", "ce", "rlc", "mec", "mec2"];

/// Names and contents of the files, as below `/lib/firmware/amdgpu`.
pub fn files(chip: &Chip) -> Vec<(String, Vec<u8>)> {
    let Firmware { gc, sdma, gpu_info } = chip.firmware;
    let mut files = vec![(format!("{sdma}.bin"), simple(SDMA_FEATURE_VERSION))];
    for engine in GC_ENGINES {
        let content = match engine {
            "rlc" => rlc(),
            _ => simple(FEATURE_VERSION),
        };
        files.push((format!("{gc}_{engine}.bin"), content));
    }
    if let Some(name) = gpu_info {
        files.push((format!("{name}.bin"), shader_counts(&chip.shader)));
    }
    files
}

/// Writes the files into `directory`, which is made if it is missing.
pub fn write(chip: &Chip, directory: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let mut written = Vec::new();
    for (name, content) in files(chip) {
        let path = directory.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

fn simple(feature_version: u32) -> Vec<u8> {
    file(
        HEADER_SIZE + UCODE_SIZE,
        HEADER_SIZE,
        1,
        HEADER_SIZE,
        feature_version,
    )
}

fn rlc() -> Vec<u8> {
    file(
        RLC_SIZE,
        RLC_HEADER_SIZE,
        2,
        RLC_HEADER_SIZE,
        FEATURE_VERSION,
    )
}

/// `struct gpu_info_firmware_v1_0`, which stands for the GC_INFO table: of its fifteen numbers those
/// that [`ShaderConfig`] has.
fn shader_counts(shader: &ShaderConfig) -> Vec<u8> {
    const COUNTS: usize = 15;
    // Its header has its version where those of the microcontrollers have a feature version.
    let mut out = file(HEADER_SIZE + 4 * COUNTS, HEADER_SIZE, 1, HEADER_SIZE, 1);
    for (i, count) in [
        shader.engines,
        2 * shader.wgps_per_array.iter().sum::<u32>(),
        shader.arrays_per_engine,
        shader.render_backends_per_engine,
    ]
    .into_iter()
    .enumerate()
    {
        let at = HEADER_SIZE + 4 * i;
        out[at..at + 4].copy_from_slice(&count.to_le_bytes());
    }
    out
}

fn file(size: usize, header_size: usize, major: u16, offset: usize, feature: u32) -> Vec<u8> {
    let mut out = vec![0; size];
    let mut put = |at: usize, value: u32| out[at..at + 4].copy_from_slice(&value.to_le_bytes());
    put(0, size as u32); // size_bytes; amdgpu_ucode_validate compares it with the file
    put(4, header_size as u32);
    put(8, u32::from(major)); // header version, minor 0
    put(16, UCODE_VERSION);
    put(20, UCODE_SIZE as u32);
    put(24, offset as u32); // ucode_array_offset_bytes
    put(32, feature);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chip::chip;

    fn u32_at(bytes: &[u8], at: usize) -> usize {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
    }

    #[test]
    fn names_follow_the_driver() {
        let names: Vec<_> = files(chip("navi21").unwrap())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [
                "sienna_cichlid_sdma.bin",
                "sienna_cichlid_pfp.bin",
                "sienna_cichlid_me.bin",
                "sienna_cichlid_ce.bin",
                "sienna_cichlid_rlc.bin",
                "sienna_cichlid_mec.bin",
                "sienna_cichlid_mec2.bin"
            ]
        );
    }

    #[test]
    fn headers_describe_the_file() {
        for (name, content) in files(chip("navi10").unwrap()) {
            assert_eq!(u32_at(&content, 0), content.len(), "{name}: size_bytes");
            let offset = u32_at(&content, 24);
            let size = u32_at(&content, 20);
            assert!(offset >= 48 && offset + size <= content.len(), "{name}");
            let major = if name.contains("rlc") { 2 } else { 1 };
            assert_eq!(content[8], major, "{name}: header version");
            assert!(u32_at(&content, 16) >= 145, "{name}: version for the KFD");
        }
    }

    #[test]
    fn shader_counts_stand_in_the_order_of_the_driver() {
        let files = files(chip("cyan_skillfish").unwrap());
        let (name, content) = files.last().unwrap();
        assert_eq!(name, "cyan_skillfish_gpu_info.bin");
        assert_eq!(content[32..36], [1, 0, 0, 0], "version 1.0");
        let counts = [0, 1, 2, 3].map(|i| u32_at(content, 48 + 4 * i));
        assert_eq!(counts, [2, 10, 2, 8]);
    }

    #[test]
    fn files_are_written() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("amdgpu");
        let written = write(chip("navi10").unwrap(), &target).unwrap();
        assert_eq!(written.len(), 7);
        assert_eq!(fs::read(target.join("navi10_me.bin")).unwrap().len(), 80);
        assert_eq!(fs::read(target.join("navi10_rlc.bin")).unwrap().len(), 512);
    }
}

// SPDX-License-Identifier: MIT

//! Every kind of file that a kernel's BTF can come in, made in code.

use proptest::prelude::*;

use super::testing::compress;
use super::*;
use crate::btf::testing::Writer;
use crate::elf::testing::elf;

const TEXT: &[u8] = b"a kernel module, a kernel module";

/// `TEXT` from `xz --check=crc32 --lzma2=dict=1MiB`, as kernel modules are compressed.
const XZ: &[u8] = &[
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01,
    0x10, 0x00, 0x00, 0x00, 0xa8, 0x70, 0x8e, 0x86, 0xe0, 0x00, 0x1f, 0x00, 0x18, 0x5d, 0x00, 0x30,
    0x88, 0x09, 0x66, 0x94, 0x53, 0x74, 0xb6, 0x71, 0x55, 0x90, 0x3a, 0xbb, 0xd8, 0xfa, 0xbf, 0x5c,
    0x6e, 0xab, 0xe9, 0xa5, 0x00, 0x00, 0x00, 0x00, 0xd0, 0x73, 0x86, 0x60, 0x00, 0x01, 0x30, 0x20,
    0x10, 0xa3, 0xae, 0xc4, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
];

/// `TEXT` from `xz --check=crc32 --x86 --lzma2=dict=1MiB`, as kernels are compressed.
const XZ_BCJ: &[u8] = &[
    0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x01, 0x04, 0x00,
    0x21, 0x01, 0x10, 0x00, 0x8b, 0x21, 0x6f, 0x49, 0xe0, 0x00, 0x1f, 0x00, 0x18, 0x5d, 0x00, 0x30,
    0x88, 0x09, 0x66, 0x94, 0x53, 0x74, 0xb6, 0x71, 0x55, 0x90, 0x3a, 0xbb, 0xd8, 0xfa, 0xbf, 0x5c,
    0x6e, 0xab, 0xe9, 0xa5, 0x00, 0x00, 0x00, 0x00, 0xd0, 0x73, 0x86, 0x60, 0x00, 0x01, 0x30, 0x20,
    0x10, 0xa3, 0xae, 0xc4, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
];

/// `TEXT` from `lz4 -l`.
const LZ4: &[u8] = &[
    0x02, 0x21, 0x4c, 0x18, 0x1b, 0x00, 0x00, 0x00, 0xf6, 0x02, 0x61, 0x20, 0x6b, 0x65, 0x72, 0x6e,
    0x65, 0x6c, 0x20, 0x6d, 0x6f, 0x64, 0x75, 0x6c, 0x65, 0x2c, 0x20, 0x11, 0x00, 0x50, 0x6f, 0x64,
    0x75, 0x6c, 0x65,
];

fn gzip(plain: &[u8]) -> Vec<u8> {
    compress(Compression::Gzip, plain)
}

fn zstd_of(plain: &[u8]) -> Vec<u8> {
    compress(Compression::Zstd, plain)
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    compress(Compression::Lz4, plain)
}

/// BTF with one struct.
fn btf() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.structure("pci_dev", 8, &[]);
    writer.blob()
}

fn vmlinux() -> Vec<u8> {
    elf(&[(".text", &[0x90; 64]), (".BTF", &btf())])
}

/// A boot image with two setup sectors, and with the uncompressed size behind the payload as the
/// kernel's build appends it.
fn vmlinuz(payload: &[u8]) -> Vec<u8> {
    let mut file = vec![0; 3 * 512 + 16];
    file[0x1f1] = 2;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    file[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
    file[0x24c..0x250].copy_from_slice(&(payload.len() as u32 + 4).to_le_bytes());
    file.extend(payload);
    file.extend((vmlinux().len() as u32).to_le_bytes());
    file.extend([0; 100]);
    file
}

fn error(file: Vec<u8>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kernel");
    std::fs::write(&path, file).unwrap();
    base_btf(&path).unwrap_err().reason.to_string()
}

#[test]
fn modules_of_each_compression_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("amdgpu.ko");
    for file in [TEXT, &gzip(TEXT), XZ, XZ_BCJ, &zstd_of(TEXT), LZ4] {
        std::fs::write(&path, file).unwrap();
        assert_eq!(read(&path).unwrap(), TEXT);
    }
}

#[test]
fn base_btf_comes_from_each_kind_of_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kernel");
    let files = [
        btf(),
        vmlinux(),
        gzip(&vmlinux()),
        vmlinuz(&gzip(&vmlinux())),
        vmlinuz(&zstd_of(&vmlinux())),
        vmlinuz(&lz4(&vmlinux())),
        vmlinuz(&vmlinux()),
    ];
    for (i, file) in files.iter().enumerate() {
        std::fs::write(&path, file).unwrap();
        assert_eq!(base_btf(&path).unwrap(), btf(), "file {i}");
    }
}

#[test]
fn errors_name_the_file() {
    let error = read(Path::new("/nonexistent/amdgpu.ko")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/nonexistent/amdgpu.ko: No such file or directory (os error 2)"
    );
}

#[test]
fn errors_say_what_was_found() {
    assert_eq!(
        error(b"hello".to_vec()),
        "holds no kernel BTF: it starts with 68 65 6c 6c 6f, expected BTF \
         (/sys/kernel/btf/vmlinux), an ELF vmlinux or a vmlinuz boot image"
    );
    assert!(error(Vec::new()).contains("starts with nothing"));
    assert_eq!(
        error(elf(&[(".text", b"")])),
        "the kernel in it has no .BTF section; it must be built with CONFIG_DEBUG_INFO_BTF=y"
    );
    assert_eq!(
        error(vmlinuz(b"BZh9")),
        "compressed with bzip2, which rmcp-kctl does not read (it reads gzip, xz, zstd, lz4): \
         decompress it, or for the running kernel use /sys/kernel/btf/vmlinux"
    );
    let mut old = vmlinuz(b"");
    old[0x206] = 7;
    assert_eq!(
        error(old),
        "a boot image of protocol 2.07, expected 2.08 or newer (Linux 2.6.26)"
    );
    let mut short = vmlinuz(&gzip(&vmlinux()));
    short.truncate(1600);
    assert!(error(short).starts_with("a boot image cut short: its kernel is in bytes 1552.."));
}

#[test]
fn damaged_data_is_refused() {
    for good in [
        XZ.to_vec(),
        XZ_BCJ.to_vec(),
        gzip(TEXT),
        zstd_of(TEXT),
        LZ4.to_vec(),
    ] {
        let compression = Compression::of(&good).unwrap();
        let error = compression.decompress(&good[..good.len() / 2]).unwrap_err();
        let start = format!("damaged {compression} data: ");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[test]
fn a_limit_is_kept() {
    assert!(matches!(read_at_most(TEXT, 10), Err(Reason::TooLarge)));
    let result = Compression::Xz.decompress_within(10, XZ);
    assert_eq!(
        result.unwrap_err().to_string(),
        "this xz data decompresses to more than 10 bytes, the most that is read"
    );
    assert_eq!(read_at_most(TEXT, TEXT.len() as u64).unwrap(), TEXT);
}

proptest! {
    #[test]
    fn damaged_files_never_panic(
        which in 0..6_usize,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut file = match which {
            0 => XZ.to_vec(),
            1 => XZ_BCJ.to_vec(),
            2 => LZ4.to_vec(),
            3 => vmlinuz(&gzip(&vmlinux())),
            4 => vmlinuz(&zstd_of(&vmlinux())),
            _ => vmlinuz(&lz4(&vmlinux())),
        };
        for (at, byte) in edits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(compression) = Compression::of(&file) {
            let _ = compression.decompress(&file);
        }
        let _ = base_btf_of(file);
    }
}

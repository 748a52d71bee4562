// SPDX-License-Identifier: MIT

//! A writer of cpio archives of regular files.

/// An archive of these files.
pub(crate) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    const REGULAR: usize = 0o100_644;
    let mut archive = Vec::new();
    let pad = |archive: &mut Vec<u8>| archive.resize(archive.len().next_multiple_of(4), 0);
    for (name, content) in files.iter().chain(&[("TRAILER!!!", "")]) {
        let mut numbers = [0; 13];
        (numbers[1], numbers[6], numbers[11]) = (REGULAR, content.len(), name.len() + 1);
        archive.extend(b"070701");
        archive.extend(numbers.iter().flat_map(|n| format!("{n:08x}").into_bytes()));
        archive.extend(name.as_bytes());
        archive.push(0);
        pad(&mut archive);
        archive.extend(content.as_bytes());
        pad(&mut archive);
    }
    archive
}
